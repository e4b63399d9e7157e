import { expect, test } from "vitest";
import type { Release } from "../../domain/rollout/release.ts";
import type { VolumeSpec } from "../../domain/spec/volume-spec.ts";
import { aRelease, aRollout, aService } from "../../domain/testing.ts";
import type { Snapshot, VolumeState } from "../../domain/volume.ts";
import { raisesDataVersion, requireReadable, snapshotsFor } from "./data.ts";
import { dataWords } from "./plan/data-words.ts";

const mib = 2 ** 20;
const data = (more: Partial<VolumeSpec> = {}): VolumeSpec => {
  return { name: "data", path: "/data", shared: false, ...more };
};
const release = (number: number, ...volumes: readonly VolumeSpec[]): Release => {
  const made = aRelease(number);
  return { ...made, shape: { ...made.shape, volumes } };
};
const snapshot = (id: string, of: number): Snapshot => {
  return { id, atMs: 0, reason: "before-rollout", release: of, bytes: 1 };
};
const there = (more: Partial<VolumeState> = {}): VolumeState => {
  return { service: "shop", name: "data", createdAtMs: 0, servers: [], snapshots: [], ...more };
};
const wanted = (serving: number | undefined, ...releases: readonly Release[]) => {
  const desired = aService({ serving, releases: new Map(releases.map((each) => [each.number, each])) });
  return { desired, policy: undefined };
};
/** On its way from release 1 to release 2. */
const moving = (from: Release, to: Release, restore?: Readonly<Record<string, string>>) => {
  const { desired, policy } = wanted(1, from, to);
  return { desired: { ...desired, rollout: aRollout({ to: 2, ...(restore && { restore }) }) }, policy };
};

test("the newest snapshot of what a release had brings its data back, of each volume that it has alone", () => {
  const volumes = [there({ snapshots: [snapshot("a", 1), snapshot("b", 2), snapshot("c", 1)] })];
  const one = release(1, data(), data({ name: "uploads", shared: true }));
  expect(snapshotsFor(one, volumes)).toEqual({ data: "c" });
  expect(() => snapshotsFor(release(3, data()), volumes)).toThrow("no snapshot of the data of release 3");
  expect(() => snapshotsFor(release(1), volumes)).toThrow("has no volume of its own");
});

test("a release that states a lower version than the data has is refused; one that states none is not", () => {
  const refuse = { code: "volume_invalid", hint: "" } as const;
  const volumes = [there({ dataVersion: 2, release: 4 })];
  const require = (volume: VolumeSpec) => requireReadable(release(5, volume), volumes, refuse);
  expect(() => require(data({ dataVersion: 1 }))).toThrow("reads version 1 at most");
  require(data({ dataVersion: 2 }));
  require(data());
  expect(raisesDataVersion(release(1, data({ dataVersion: 1 })), release(2, data({ dataVersion: 2 })))).toBe(
    true,
  );
  expect(raisesDataVersion(release(1, data()), release(2, data({ dataVersion: 2 })))).toBe(false);
  expect(raisesDataVersion(undefined, release(2, data({ dataVersion: 2 })))).toBe(false);
});

test("a plan says what becomes of each volume", () => {
  const one = release(1, data({ sizeBytes: 512 * mib }));
  const before = wanted(1, one);
  const words = (volume: VolumeSpec, state = there({ sizeBytes: 512 * mib, usedBytes: 3 * mib })) =>
    dataWords(before, moving(one, release(2, volume)), [state]);
  expect(dataWords(wanted(undefined), moving(one, release(2, data({ sizeBytes: 1024 * mib }))), [])).toEqual([
    "volume data: new and empty, at /data, with 1 GiB reserved on the disk",
  ]);
  expect(words(data({ sizeBytes: 512 * mib }))).toEqual([
    "volume data: its data stays as it is (3 MiB used)",
  ]);
  expect(words(data({ sizeBytes: 1024 * mib }))[0]).toContain("it grows from 512 MiB to 1 GiB");
  expect(words(data({ sizeBytes: 16 * mib }))[0]).toContain(
    "stays at 512 MiB, because a volume never shrinks",
  );
  expect(words(data({ snapshot: "before-rollout" }), there({ release: 1 }))[0]).toContain(
    "a snapshot is made",
  );
  expect(words(data({ name: "other" }))).toEqual([
    "volume other: new and empty, at /data",
    "volume data: not used by this release; its data stays",
  ]);
});

test("a plan says what a rollback with data loses, and that removal keeps data", () => {
  const [one, two] = [release(1, data()), release(2, data())];
  const state = there({ release: 7, snapshots: [snapshot("a", 2)] });
  const [lost = ""] = dataWords(wanted(1, one), moving(one, two, { data: "a" }), [state]);
  expect(lost).toContain("goes back to the snapshot a of release 2, as of 1970-01-01T00:00:00.000Z");
  expect(lost).toContain("everything that release 7 and others have written since is lost");
  const removed = { desired: { ...wanted(1, one).desired, removed: true }, policy: undefined };
  expect(dataWords(wanted(1, one), removed, [there()])).toEqual([
    "volume data: its data stays; `kiln volume rm data shop` removes it",
  ]);
});
