import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askedMounts } from "./asked-mounts.ts";
import { ociConfig } from "./oci-config.ts";

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
    devices: [{ path: "/dev/net/tun" }],
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

test("a device is there where it was asked for, and another one is a difference", () => {
  const line = (root: string, point: string) => `1 2 0:5 ${root} ${point} rw,nosuid - devtmpfs udev rw`;
  const given = line("/net/tun", "/dev/net/tun");
  expect(asked([...table, given])).toEqual([...table, given]);
  for (const other of [line("/kvm", "/dev/net/tun"), line("/kvm", "/dev/kvm")])
    expect(asked([...table, other])).toEqual(table);
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

test("nor what was not asked for, also where something was", () => {
  const added = ["1 2 8:1 /x /etc ro - ext4 /dev/sda rw", ...table.slice(3, 4)];
  expect(asked([...table, ...added])).toEqual(table);
});

/** A server's table as Debian 12 has it, Linux 6.1.0-56-cloud-amd64 with cgroups of version 2 only, runc 1.1.5. */
const debian12 = [
  "389 353 0:40 / / ro,relatime - overlay overlay ro,lowerdir=365310b716568ac01047c08c:8bbd25b9ffaf2c77ad53fade:../skeletons/945645d2bfe411bdc51c1ed4",
  "390 389 0:46 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw",
  "391 389 0:47 / /dev ro,nosuid,noexec - tmpfs tmpfs rw,size=65536k,nr_inodes=128,mode=755,inode64",
  "392 391 0:48 / /dev/pts rw,nosuid,noexec,relatime - devpts devpts rw,mode=620,ptmxmode=666",
  "393 391 0:49 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k,nr_inodes=65536,inode64",
  "394 391 0:45 / /dev/mqueue rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw",
  "395 389 0:50 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro",
  "396 395 0:26 /kiln-1/a /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot",
  "397 389 0:51 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=32768k,nr_inodes=65536,uid=33,gid=33,inode64",
  "398 389 254:0 /var/lib/kiln/servers/web-1-1-1/hosts /etc/hosts ro,nosuid,nodev,noexec,relatime - ext4 /dev/vda rw",
  "399 389 254:0 /var/lib/kiln/servers/web-1-1-1/hostname /etc/hostname ro,nosuid,nodev,noexec,relatime - ext4 /dev/vda rw",
  "400 389 254:0 /var/lib/kiln/servers/web-1-1-1/resolv.conf /etc/resolv.conf ro,nosuid,nodev,noexec,relatime - ext4 /dev/vda rw",
  "354 390 0:46 /bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw",
  "355 390 0:46 /fs /proc/fs ro,nosuid,nodev,noexec,relatime - proc proc rw",
  "356 390 0:46 /irq /proc/irq ro,nosuid,nodev,noexec,relatime - proc proc rw",
  "357 390 0:46 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw",
  "358 390 0:46 /sysrq-trigger /proc/sysrq-trigger ro,nosuid,nodev,noexec,relatime - proc proc rw",
  "359 396 0:26 /kiln-1/a /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot",
  "360 390 0:52 / /proc/acpi ro,relatime - tmpfs tmpfs ro,inode64",
  "361 390 0:47 /null /proc/kcore ro,nosuid,noexec - tmpfs tmpfs rw,size=65536k,nr_inodes=128,mode=755,inode64",
  "362 390 0:47 /null /proc/keys ro,nosuid,noexec - tmpfs tmpfs rw,size=65536k,nr_inodes=128,mode=755,inode64",
  "363 390 0:47 /null /proc/timer_list ro,nosuid,noexec - tmpfs tmpfs rw,size=65536k,nr_inodes=128,mode=755,inode64",
  "364 395 0:53 / /sys/firmware ro,relatime - tmpfs tmpfs ro,inode64",
];

test("on a machine with version 2 only, nothing is amiss in a server's whole table", () => {
  for (const path of ["proc/acpi", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger", "etc"])
    mkdirSync(join(inside, path));
  for (const path of ["proc/kcore", "proc/timer_list", "etc/hosts", "etc/hostname", "etc/resolv.conf"])
    writeFileSync(join(inside, path), "");
  mkdirSync(join(inside, "sys/firmware"));
  const placed = (name: string) => {
    linkSync(join(inside, `etc/${name}`), join(inside, name));
    return join(inside, name);
  };
  const made = ociConfig({
    ...{
      id: "a",
      service: "web",
      release: 1,
      hostname: "a",
      variables: [],
      binds: [],
      volumes: [],
      openFiles: 1024,
      init: undefined,
      devices: [],
      oomScore: 0,
    },
    image: {
      digest: "",
      layers: [],
      argv: [],
      env: [],
      uid: 33,
      gid: 33,
      groups: [],
      workingFolder: "/",
      stopSignal: "",
    },
    shape: { port: 8080, env: {}, memoryBytes: 67_108_864, cpus: 0.5, writable: ["/tmp"] },
    ...{ root: "/r", networkNamespace: "/n", userNamespace: undefined, cgroup: "/kiln-1/a" },
    cgroups: { version: 2, memory: true, swap: true, cpu: true, pids: true },
    files: { hosts: placed("hosts"), hostname: placed("hostname"), resolvers: placed("resolv.conf") },
  });
  expect(askedMounts(debian12.join("\n"), { config: made, rootDevice: "0:40", inside })).toEqual(debian12);
});
