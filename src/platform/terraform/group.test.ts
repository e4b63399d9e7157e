import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { aRelease } from "../../domain/testing.ts";
import { openRecords } from "../fleet/records.ts";
import { openGroups } from "./group.ts";
import { type GroupServer, serverRecordSchema } from "./record.ts";
import { sweepOutput } from "./run.ts";
import { workFolders } from "./workplace.ts";

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "kiln-terraform-group-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A group whose folder is there, with Terraform's state as it is given; no program is there to run. */
function aGroup(state: string | undefined) {
  const folder = aFolder();
  const place = {
    ...{ ...workFolders(folder), program: "/nonexistent/terraform", env: {} },
    user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
  };
  const records = openRecords<GroupServer>(join(folder, "servers"), serverRecordSchema, "lasting");
  mkdirSync(join(place.work, "groups/shop-7/state"), { recursive: true });
  if (state !== undefined) writeFileSync(join(place.work, "groups/shop-7/state/terraform.tfstate"), state);
  const groups = openGroups({
    ...{ place: () => place, module: folder, installation: "0011aabb", target: "prod" },
    ...{ referenceOf: () => undefined, records, now: () => 1000 },
  });
  return { groups, records, folders: () => readdirSync(join(place.work, "groups")) };
}

const made: GroupServer = {
  ...{ format: 1, id: "shop-7-1-1", release: aRelease(7), createdAtMs: 0 },
  ...{ cloudId: "i-1", address: "10.0.0.1", unwanted: true },
};

test.each([
  ["is gone", undefined],
  ["was cut off to nothing while it was written", ""],
])("a group whose state %s is not taken for removed: its machines are named", async (_, state) => {
  const { groups, records, folders } = aGroup(state);
  records.write(made);
  await expect(groups.converge("shop-7")).rejects.toThrow(/is lost: it knows nothing of shop-7-1-1 \(i-1\)/);
  expect(folders()).toEqual(["shop-7"]);
});

test("a new server in such a group does not make the old one forgotten", async () => {
  const { groups, records } = aGroup("");
  records.write(made);
  records.write({ format: 1, id: "shop-7-1-2", release: aRelease(7), createdAtMs: 1 });
  await expect(groups.converge("shop-7")).rejects.toThrow(/knows nothing of shop-7-1-1 \(i-1\)/);
});

test("a group that Terraform has never begun is removed without it", async () => {
  const { groups, records, folders } = aGroup(undefined);
  const { cloudId: _, address: __, ...asked } = made;
  records.write(asked);
  await groups.converge("shop-7");
  expect(folders()).toEqual([]);
});

test("output that a killed controller has not read is removed, and nothing else of runs", () => {
  const folder = aFolder();
  const ended = 2 ** 22 + 1; // more than the kernel's highest process id, PID_MAX_LIMIT of proc(5)
  for (const name of [
    `${ended}.aa.shop-7.out`,
    `${ended}.aa.shop-7.err`,
    `${process.pid}.bb.shop-7.out`,
    "shop-7.lock",
  ])
    writeFileSync(join(folder, name), "");
  sweepOutput(folder);
  expect(readdirSync(folder).toSorted()).toEqual([`${process.pid}.bb.shop-7.out`, "shop-7.lock"]);
});
