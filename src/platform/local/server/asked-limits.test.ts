import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askedLimits } from "./asked-limits.ts";

let inside: string;
beforeEach(() => {
  inside = mkdtempSync("/tmp/kiln-");
});
afterEach(() => rmSync(inside, { recursive: true }));

test("limits are what was asked for, in the kernel's words; what differs is not taken over", () => {
  const files = {
    ...{
      "memory.max": "98304\n",
      "memory.high": "max\n",
      "memory.low": "4096\n",
      "cpu.max": "50000 100000\n",
    },
    ...{ "pids.max": "7\n", "cpuset.cpus": "\n", "memory.soft_limit_in_bytes": "9223372036854771712\n" },
    ...{
      "io.weight": "default 10\n",
      "memory.swap.max": "0\n",
      "devices.list": "c *:* m\na *:* rwm\nc 10:229 rw\nc 10:232 rw\n",
      "cgroup.procs": "1\n",
    },
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(inside, name), text);
  const memory = { limit: 100_000, swap: 100_000 };
  const devices = [{ allow: true, type: "c" as const, major: 10, minor: 229, access: "rw" }];
  const resources = { devices, memory, pids: { limit: 1024 }, cpu: { period: 100_000, quota: 50_000 } };
  const limits = askedLimits(inside, resources).map(({ file, value }) => [
    file.slice(inside.length + 1),
    value,
  ]);
  expect(Object.fromEntries(limits)).toEqual({
    ...{ "memory.max": "98304\n", "memory.high": "max\n", "memory.low": "0\n", "cpu.max": "50000 100000\n" },
    ...{ "pids.max": "1024\n", "cpuset.cpus": "\n", "memory.soft_limit_in_bytes": "9223372036854771712\n" },
    ...{ "io.weight": "default 100\n", "memory.swap.max": "0\n", "devices.list": "c *:* m\nc 10:229 rw\n" },
  });
});

/**
 * What a cgroup holds in which nothing was set, read from Debian 12 as it is installed: Linux 6.1.0-56-cloud-amd64,
 * systemd as init, version 2 only, without swap.
 */
const untouched = {
  ...{ "cgroup.type": "domain\n", "cgroup.procs": "", "cgroup.freeze": "0\n", "memory.current": "0\n" },
  ...{ "cgroup.subtree_control": "cpuset cpu io memory hugetlb pids rdma misc\n" },
  ...{ "memory.max": "max\n", "memory.high": "max\n", "memory.low": "0\n", "memory.min": "0\n" },
  ...{ "memory.swap.max": "max\n", "memory.swap.high": "max\n", "memory.oom.group": "0\n" },
  ...{ "cpu.max": "max 100000\n", "cpu.max.burst": "0\n", "cpu.weight": "100\n", "cpu.idle": "0\n" },
  ...{ "cpuset.cpus": "\n", "cpuset.mems": "\n", "cpuset.cpus.partition": "member\n" },
  ...{ "io.max": "", "io.weight": "default 100\n", "pids.max": "max\n", "hugetlb.2MB.max": "max\n" },
};
/** What differs in a server's: runc 1.1.5 has written it. */
const server = { "memory.oom.group": "1\n", "pids.max": "1024\n" };
const bounded = {
  ...{ ...server, "memory.max": "67108864\n", "memory.swap.max": "0\n", "cpu.max": "50000 100000\n" },
};
const always = { pids: { limit: 1024 }, unified: { "memory.oom.group": "1" } };
const sixtyFour = { limit: 67_108_864, swap: 67_108_864 };

test.each([
  ["the parent of all servers", {}, {}],
  ["a server without limits", server, always],
  [
    "a server with limits of memory and processors",
    bounded,
    { ...always, memory: sixtyFour, cpu: { period: 100_000, quota: 50_000 } },
  ],
])("on a machine with version 2 only, nothing is amiss in %s", (_what, written, resources) => {
  const files = { ...untouched, ...written };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(inside, name), text);
  const limits = askedLimits(inside, resources);
  expect(limits.length).toBeGreaterThanOrEqual(15);
  for (const { file, value } of limits)
    expect([file, files[file.slice(inside.length + 1) as keyof typeof files]]).toEqual([file, value]);
});
