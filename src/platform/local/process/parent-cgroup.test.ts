import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { restoreParent } from "./parent-cgroup.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file takes what is written to it, where the kernel would have words of its own. */
test.each([
  ["pids.max", "5000\n", "max\n"],
  ["memory.max", "4096\n", "max\n"],
  ["memory.low", "4096\n", "0\n"],
  ["cpu.max", "1000 100000\n", "max 100000\n"],
  ["cpuset.cpus", "0\n", "\n"],
  ["io.max", "8:0 rbps=1 wbps=max riops=max wiops=max\n", "8:0 rbps=max wbps=max riops=max wiops=max\n"],
  ["io.weight", "default 1\n", "default 100\n"],
  ["io.weight", "default 100\n8:0 5\n", "8:0 default\n"],
  ["memory.limit_in_bytes", "4096\n", "-1\n"],
  ["cpu.cfs_quota_us", "1000\n", "-1\n"],
])("%s of the cgroup above all servers is set right", (name, changed, written) => {
  writeFileSync(join(folder, name), changed);
  expect(restoreParent([folder])).toEqual([name]);
  expect(readFileSync(join(folder, name), "utf8")).toBe(written);
});

test("what is right is left as it is, and what stands still continues", () => {
  const files = {
    "pids.max": "max\n",
    "memory.limit_in_bytes": "9223372036854771712\n",
    "cpu.max": "max 100000\n",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, "cgroup.freeze"), "1");
  expect(restoreParent([folder])).toEqual([]);
  for (const [name, text] of Object.entries(files))
    expect(readFileSync(join(folder, name), "utf8")).toBe(text);
  expect(readFileSync(join(folder, "cgroup.freeze"), "utf8")).toBe("0");
});
