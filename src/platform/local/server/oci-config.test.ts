import { expect, test } from "vitest";
import type { CgroupSupport } from "../../linux/cgroups.ts";
import { type ConfigInput, ociConfig } from "./oci-config.ts";

const version1: CgroupSupport = { version: 1, memory: true, swap: true, cpu: true, pids: true };

const input: ConfigInput = {
  id: "shop-3-1-2",
  service: "shop",
  release: 3,
  hostname: "shop-3-1-2",
  image: {
    digest: "sha256:00",
    layers: [],
    argv: ["nginx", "-g", "daemon off;"],
    env: ["PATH=/usr/sbin:/usr/bin", "LOG_LEVEL=warn", "PORT=1", "broken"],
    uid: 33,
    gid: 34,
    groups: [4],
    workingFolder: "/srv",
    stopSignal: "QUIT",
  },
  shape: {
    port: 8080,
    env: { LOG_LEVEL: "info" },
    memoryBytes: 268_435_456,
    cpus: 0.5,
    writable: ["/var/lib/nginx", "/tmp"],
  },
  variables: [],
  binds: [],
  volumes: [],
  devices: [],
  root: "/state/roots/r",
  networkNamespace: "/run/netns/n",
  userNamespace: undefined,
  init: undefined,
  cgroup: "/kiln-0123abcd/shop-3-1-2",
  cgroups: version1,
  openFiles: 65_536,
  oomScore: 0,
  files: { hosts: "/b/hosts", hostname: "/b/hostname", resolvers: "/b/resolv.conf" },
};

test("a server's whole configuration", () => {
  const { linux, ...rest } = ociConfig(input);
  const { seccomp: _, ...linuxWithoutSeccomp } = linux;
  expect({ ...rest, linux: linuxWithoutSeccomp }).toMatchInlineSnapshot(`
    {
      "hostname": "shop-3-1-2",
      "linux": {
        "cgroupsPath": "/kiln-0123abcd/shop-3-1-2",
        "devices": [],
        "maskedPaths": [
          "/proc/acpi",
          "/proc/asound",
          "/proc/kcore",
          "/proc/keys",
          "/proc/latency_stats",
          "/proc/sched_debug",
          "/proc/scsi",
          "/proc/timer_list",
          "/proc/timer_stats",
          "/sys/devices/virtual/powercap",
          "/sys/firmware",
        ],
        "namespaces": [
          {
            "type": "pid",
          },
          {
            "type": "ipc",
          },
          {
            "type": "uts",
          },
          {
            "type": "mount",
          },
          {
            "type": "cgroup",
          },
          {
            "path": "/run/netns/n",
            "type": "network",
          },
        ],
        "readonlyPaths": [
          "/proc/bus",
          "/proc/fs",
          "/proc/irq",
          "/proc/sys",
          "/proc/sysrq-trigger",
          "/sys/fs/cgroup",
        ],
        "resources": {
          "cpu": {
            "period": 100000,
            "quota": 50000,
          },
          "devices": [
            {
              "access": "rwm",
              "allow": false,
            },
          ],
          "memory": {
            "limit": 268435456,
            "swap": 268435456,
          },
          "pids": {
            "limit": 1024,
          },
        },
        "rootfsPropagation": "rprivate",
        "sysctl": {
          "net.ipv4.ip_unprivileged_port_start": "0",
        },
      },
      "mounts": [
        {
          "destination": "/proc",
          "options": [
            "nosuid",
            "noexec",
            "nodev",
          ],
          "source": "proc",
          "type": "proc",
        },
        {
          "destination": "/dev",
          "options": [
            "nosuid",
            "noexec",
            "strictatime",
            "mode=755",
            "size=65536k",
            "nr_inodes=128",
            "ro",
          ],
          "source": "tmpfs",
          "type": "tmpfs",
        },
        {
          "destination": "/dev/pts",
          "options": [
            "nosuid",
            "noexec",
            "newinstance",
            "ptmxmode=0666",
            "mode=0620",
          ],
          "source": "devpts",
          "type": "devpts",
        },
        {
          "destination": "/dev/shm",
          "options": [
            "nosuid",
            "noexec",
            "nodev",
            "mode=1777",
            "size=67108864",
            "nr_inodes=65536",
          ],
          "source": "shm",
          "type": "tmpfs",
        },
        {
          "destination": "/dev/mqueue",
          "options": [
            "nosuid",
            "noexec",
            "nodev",
          ],
          "source": "mqueue",
          "type": "mqueue",
        },
        {
          "destination": "/sys",
          "options": [
            "nosuid",
            "noexec",
            "nodev",
            "ro",
          ],
          "source": "sysfs",
          "type": "sysfs",
        },
        {
          "destination": "/sys/fs/cgroup",
          "options": [
            "nosuid",
            "noexec",
            "nodev",
            "relatime",
            "ro",
          ],
          "source": "cgroup",
          "type": "cgroup",
        },
        {
          "destination": "/tmp",
          "options": [
            "noexec",
            "nosuid",
            "nodev",
            "mode=1777",
            "uid=33",
            "gid=34",
            "size=134217728",
            "nr_inodes=65536",
          ],
          "source": "tmpfs",
          "type": "tmpfs",
        },
        {
          "destination": "/var/lib/nginx",
          "options": [
            "noexec",
            "nosuid",
            "nodev",
            "mode=0755",
            "uid=33",
            "gid=34",
            "size=134217728",
            "nr_inodes=65536",
          ],
          "source": "tmpfs",
          "type": "tmpfs",
        },
        {
          "destination": "/etc/hosts",
          "options": [
            "bind",
            "ro",
            "nosuid",
            "nodev",
            "noexec",
          ],
          "source": "/b/hosts",
          "type": "bind",
        },
        {
          "destination": "/etc/hostname",
          "options": [
            "bind",
            "ro",
            "nosuid",
            "nodev",
            "noexec",
          ],
          "source": "/b/hostname",
          "type": "bind",
        },
        {
          "destination": "/etc/resolv.conf",
          "options": [
            "bind",
            "ro",
            "nosuid",
            "nodev",
            "noexec",
          ],
          "source": "/b/resolv.conf",
          "type": "bind",
        },
      ],
      "ociVersion": "1.0.2",
      "process": {
        "args": [
          "nginx",
          "-g",
          "daemon off;",
        ],
        "capabilities": {
          "ambient": [],
          "bounding": [],
          "effective": [],
          "inheritable": [],
          "permitted": [],
        },
        "cwd": "/srv",
        "env": [
          "PATH=/usr/sbin:/usr/bin",
          "LOG_LEVEL=info",
          "PORT=8080",
          "KILN_SERVICE=shop",
          "KILN_RELEASE=3",
          "KILN_SERVER=shop-3-1-2",
        ],
        "noNewPrivileges": true,
        "oomScoreAdj": 0,
        "rlimits": [
          {
            "hard": 65536,
            "soft": 65536,
            "type": "RLIMIT_NOFILE",
          },
          {
            "hard": 0,
            "soft": 0,
            "type": "RLIMIT_CORE",
          },
        ],
        "terminal": false,
        "user": {
          "additionalGids": [
            4,
          ],
          "gid": 34,
          "uid": 33,
        },
      },
      "root": {
        "path": "/state/roots/r",
        "readonly": true,
      },
    }
  `);
});

test("without limits none are set, and tmpfs has its own", () => {
  const config = ociConfig({
    ...input,
    shape: { ...input.shape, memoryBytes: undefined, cpus: undefined, port: undefined },
  });
  expect(config.linux.resources).toEqual({
    devices: [{ allow: false, access: "rwm" }],
    pids: { limit: 1024 },
  });
  expect(config.mounts.find(({ destination }) => destination === "/tmp")?.options).toContain(
    "size=268435456",
  );
  expect(config.process).toMatchObject({ env: expect.arrayContaining(["PORT=1"]) });
});

test("with cgroup version 2 a server is killed for memory as a whole", () => {
  const config = ociConfig({ ...input, cgroups: { ...version1, version: 2 } });
  expect(config.linux.resources).toMatchObject({ unified: { "memory.oom.group": "1" } });
});

test("limits that the kernel cannot keep are left out", () => {
  const cgroups = { ...version1, memory: false, swap: false, cpu: false, pids: false };
  expect(ociConfig({ ...input, cgroups }).linux.resources).toEqual({
    devices: [{ allow: false, access: "rwm" }],
  });
  const noSwap = ociConfig({ ...input, cgroups: { ...version1, swap: false } });
  expect(noSwap.linux.resources).toMatchObject({ memory: { limit: 268_435_456 } });
});

test("the deny list names the calls that would change a server from inside", () => {
  const { syscalls, defaultAction } = ociConfig(input).linux.seccomp;
  expect(defaultAction).toBe("SCMP_ACT_ALLOW");
  const [denied, ...rest] = syscalls;
  expect(denied?.names).toEqual(
    expect.arrayContaining(["mount", "setns", "unshare", "ptrace", "bpf", "pivot_root"]),
  );
  expect(new Set(denied?.names).size).toBe(denied?.names.length);
  expect(rest.filter(({ names }) => names.includes("clone"))).toHaveLength(7);
  expect(rest.at(-1)).toEqual({ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 });
});

test("what the release brings lies over all else, and its variables win", () => {
  const { mounts, process } = ociConfig({
    ...input,
    variables: [
      ["LOG_LEVEL", "debug"],
      ["TOKEN", "a=b\nc"],
    ],
    binds: [{ source: "/b/secrets/folder", destination: "/run/secrets" }],
  });
  expect(mounts.slice(-4).map(({ destination }) => destination)).toEqual([
    ...["/run/secrets", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"],
  ]);
  expect(mounts.at(-4)).toEqual({
    destination: "/run/secrets",
    type: "bind",
    source: "/b/secrets/folder",
    options: ["bind", "ro", "nosuid", "nodev", "noexec"],
  });
  const { env } = process as { readonly env: readonly string[] };
  expect(env.filter((line) => /^(LOG_LEVEL|TOKEN)=/.test(line))).toEqual(["LOG_LEVEL=debug", "TOKEN=a=b\nc"]);
});

test("a device has its own numbers and rights, and its driver may be used", () => {
  const fuse = { path: "/dev/fuse", major: 10, minor: 229, uid: 0, gid: 5 };
  const { devices, resources } = ociConfig({ ...input, devices: [{ ...fuse, mode: 0o660 }] }).linux;
  expect(devices).toEqual([{ ...fuse, type: "c", fileMode: 0o660 }]);
  expect(resources.devices).toEqual([
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
  ]);
});
