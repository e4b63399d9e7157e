import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askedLimits } from "./asked-limits.ts";
import { askedMounts } from "./asked-mounts.ts";

let inside: string;
beforeEach(() => {
  inside = mkdtempSync("/tmp/kiln-");
  for (const path of ["proc/bus", "sys/fs/cgroup", "tmp"]) mkdirSync(join(inside, path), { recursive: true });
  writeFileSync(join(inside, "proc/keys"), "");
});
afterEach(() => rmSync(inside, { recursive: true }));

const flags = ["nosuid", "noexec", "nodev"];
const config = {
  mounts: [
    { destination: "/proc", type: "proc", source: "proc", options: flags },
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...flags, "ro"] },
    { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: [...flags, "size=5000", "nr_inodes=64"] },
  ],
  linux: {
    ...{ namespaces: [], cgroupsPath: "/kiln-1/a", resources: {}, seccomp: {} as never },
    ...{ maskedPaths: ["/proc/keys", "/proc/gone"], readonlyPaths: ["/proc/bus", "/sys/fs/cgroup"] },
  },
};
const cgroup = "1 2 0:9 /kiln-1/a /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw";
const table = [
  "1 2 0:7 / / ro,relatime - overlay overlay ro,lowerdir=a:b",
  "1 2 0:8 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw",
  cgroup,
  "1 2 0:4 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=8k,nr_inodes=64",
  "1 2 0:8 /bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw",
  cgroup,
  "1 2 0:5 /null /proc/keys rw,nosuid - devtmpfs udev rw",
];
const asked = (lines: readonly string[]) =>
  askedMounts(lines.join("\n"), { config, rootDevice: "0:7", inside });

test("what was asked for is taken as it is, with version 2 of cgroups too", () => {
  expect(asked(table)).toEqual(table);
});

test.each([
  ["another root", 0, "1 2 0:6 / / ro,relatime - overlay overlay ro,lowerdir=a:b", "overlay"],
  ["a writable root", 0, "1 2 0:7 / / rw,relatime - overlay overlay rw,lowerdir=a:b", "overlay"],
  [
    "a larger tmpfs",
    3,
    "1 2 0:4 / /tmp rw,nosuid,nodev,noexec - tmpfs tmpfs rw,size=900k,nr_inodes=64",
    "tmpfs",
  ],
  [
    "one that runs programs",
    3,
    "1 2 0:4 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=8k,nr_inodes=64",
    "tmpfs",
  ],
  ["a path that can be written", 4, "1 2 0:8 /bus /proc/bus rw,nosuid - proc proc rw", "read-only"],
  ["something else over a masked file", 6, "1 2 8:1 /x /proc/keys ro - ext4 /dev/sda rw", "masked"],
] as const)("%s is not, and what it stands for is missing", (_what, at, line, type) => {
  const lines = asked(table.with(at, line));
  expect(lines).not.toContain(line);
  expect(lines.filter((each) => each.includes(` - ${type} none`))).toHaveLength(1);
});

test("nor what nobody has asked for, also where something was", () => {
  const added = ["1 2 8:1 /x /etc ro - ext4 /dev/sda rw", ...table.slice(3, 4)];
  expect(asked([...table, ...added])).toEqual(table);
});

test("limits are what was asked for, in the kernel's words; what differs is not taken over", () => {
  const files = {
    ...{
      "memory.max": "98304\n",
      "memory.high": "max\n",
      "memory.low": "4096\n",
      "cpu.max": "50000 100000\n",
    },
    ...{ "pids.max": "7\n", "cpuset.cpus": "\n", "memory.soft_limit_in_bytes": "9223372036854771712\n" },
    ...{ "memory.swap.max": "0\n", "devices.list": "c *:* m\na *:* rwm\n", "cgroup.procs": "1\n" },
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(inside, name), text);
  const memory = { limit: 100_000, swap: 100_000 };
  const resources = { devices: [], memory, pids: { limit: 1024 }, cpu: { period: 100_000, quota: 50_000 } };
  const limits = askedLimits(inside, resources).map(({ file, value }) => [
    file.slice(inside.length + 1),
    value,
  ]);
  expect(Object.fromEntries(limits)).toEqual({
    ...{ "memory.max": "98304\n", "memory.high": "max\n", "memory.low": "0\n", "cpu.max": "50000 100000\n" },
    ...{ "pids.max": "1024\n", "cpuset.cpus": "\n", "memory.soft_limit_in_bytes": "9223372036854771712\n" },
    ...{ "memory.swap.max": "0\n", "devices.list": "c *:* m\n" },
  });
});
