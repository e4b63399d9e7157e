import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  checkUpToDate,
  formatLock,
  type LockSection,
  lockDigest,
  parseLock,
  readLockedBase,
  readLockSection,
  writeLockedBase,
  writeLockSection,
} from "./lock-file.ts";

const section: LockSection = {
  suite: "bookworm",
  architecture: "amd64",
  requested: ["nginx"],
  packages: [
    {
      name: "nginx",
      version: "1.22.1-9+deb12u1",
      architecture: "amd64",
      size: 500,
      sha256: "a".repeat(64),
      path: "pool/main/n/nginx/nginx_1.22.1-9+deb12u1_amd64.deb",
      suite: "bookworm",
    },
  ],
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp("/tmp/kiln-lock-");
});
afterEach(() => rm(folder, { recursive: true }));

test("sections are written side by side, one package a line", async () => {
  const path = join(folder, "kiln.lock");
  await writeLockSection(path, "shop", section);
  await writeLockSection(path, "api", section);
  expect(await readLockSection(path, "shop")).toEqual(section);
  expect(await readLockSection(path, "other")).toBeUndefined();
  expect(await readLockSection(path, "constructor")).toBeUndefined();
  const text = await readFile(path, "utf8");
  expect(text.split("\n").filter((line) => line.includes('"sha256"'))).toHaveLength(2);
  expect(text.indexOf('"api"')).toBeLessThan(text.indexOf('"shop"'));
});

test("writing one section keeps the others byte for byte", async () => {
  const path = join(folder, "kiln.lock");
  await writeLockSection(path, "shop", section);
  const before = await readFile(path, "utf8");
  await writeLockSection(path, "zoo", section);
  expect(await readFile(path, "utf8")).toContain(before.slice(0, before.indexOf("\n    }\n")));
});

describe("a damaged lock", () => {
  const text = formatLock({ version: 1, services: { shop: section } });

  test.each([
    ["a changed digest", text.replace(/a{64}/, "b".repeat(63)), 9],
    ["a path that climbs out", text.replace("pool/main/n", "pool/../../n"), 9],
    ["a misspelt field", text.replace('"suite": "bookworm"', '"siute": "bookworm"'), 4],
    ["a merge conflict", text.replace('      "requested"', '<<<<<<< ours\n      "requested"'), 7],
  ])("%s is named with its place", async (_, damaged, line) => {
    await expect(parseLock(damaged, "/p/kiln.lock")).rejects.toMatchObject({
      code: "lock_invalid",
      problems: expect.arrayContaining([
        expect.objectContaining({ place: expect.objectContaining({ file: "/p/kiln.lock", line }) }),
      ]),
    });
  });

  test("it is never written over", async () => {
    const path = join(folder, "kiln.lock");
    await writeFile(path, "{");
    await expect(writeLockSection(path, "shop", section)).rejects.toMatchObject({ code: "lock_invalid" });
    expect(await readFile(path, "utf8")).toBe("{");
  });
});

test("a lock for something else is stale, and says what changed", () => {
  const wanted = { suite: "trixie", architecture: "amd64", engine: "slim", requested: ["curl"] } as const;
  expect(() => checkUpToDate(section, wanted, "shop")).toThrow(
    "kiln.lock is out of date for shop: suite bookworm became trixie, curl was added, nginx was removed.",
  );
  expect(() =>
    checkUpToDate(section, { ...wanted, suite: "bookworm", requested: ["nginx"] }, "shop"),
  ).not.toThrow();
  const full = { ...wanted, suite: "bookworm", engine: "full", requested: ["nginx"] } as const;
  expect(() => checkUpToDate(section, full, "shop")).toThrow("engine slim became full");
});

test("the digest follows the locked set", () => {
  const [one] = section.packages;
  const other = { ...section, packages: one ? [{ ...one, sha256: "b".repeat(64) }] : [] };
  expect(lockDigest(section, "1")).not.toBe(lockDigest(other, "1"));
  expect(lockDigest(section, "1")).not.toBe(lockDigest(section, "2"));
  expect(lockDigest(section, "1")).toMatch(/^[0-9a-f]{64}$/);
});

test("a lock that is made to be read forever is refused in a moment", async () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `"s${i}":1`).join(",");
  const many = `{"version":1,"services":{"a":{"packages":[${"{},".repeat(150_000)}{}]}}}`;
  const begun = process.threadCpuUsage();
  for (const text of [many, `{"version":1,"services":{${keys}}}`, "[".repeat(300_000), ",".repeat(1 << 20)])
    await expect(parseLock(text, "kiln.lock")).rejects.toMatchObject({ code: "lock_invalid" });
  expect(process.threadCpuUsage(begun).user).toBeLessThan(20_000_000);
});

test("bases and packages share a lock, and each leaves the other as it is", async () => {
  const folder = await mkdtemp("/tmp/kiln-");
  try {
    const path = join(folder, "kiln.lock");
    const [one, two] = [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`];
    await writeLockedBase(path, "registry.example/b:1", one);
    await writeLockSection(path, "shop", section);
    await writeLockedBase(path, "registry.example/a:1", two);
    expect(await readLockSection(path, "shop")).toEqual(section);
    expect(await readLockedBase(path, "registry.example/b:1")).toBe(one);
    expect(await readLockedBase(path, "constructor")).toBeUndefined();
    const text = await readFile(path, "utf8");
    expect(text.split("\n").slice(0, 6)).toEqual([
      "{",
      '  "version": 1,',
      '  "bases": {',
      `    "registry.example/a:1": "${two}",`,
      `    "registry.example/b:1": "${one}"`,
      "  },",
    ]);
    await writeFile(path, text.replace(one, "latest"));
    await expect(readLockedBase(path, "x")).rejects.toMatchObject({ code: "lock_invalid" });
  } finally {
    await rm(folder, { recursive: true });
  }
});
