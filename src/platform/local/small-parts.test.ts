import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createKeyedLocks } from "../../lib/locks.ts";
import { findProcess, isAlive } from "../../lib/process/proc.ts";
import { hostnameOf } from "../linux/hostname.ts";
import { openFilesLimit } from "../linux/limits.ts";
import {
  layerMountArgv,
  loopMountArgv,
  memoryMountArgv,
  parseMountPoints,
  rootMountArgv,
} from "../linux/mounts.ts";
import { resolveInRoot } from "../linux/paths-in-root.ts";
import { placedPoints } from "../linux/placed-content.ts";
import { signalNumber } from "../linux/signals.ts";
import { mountOrder, mountPoints } from "../linux/skeleton.ts";
import { startFailure } from "../linux/start-failure.ts";
import {
  hostsFile,
  parseResolvers,
  readResolvers,
  resolversFile,
  withServices,
} from "./network/resolvers.ts";
import { hostPaths, serverPaths } from "./paths.ts";
import { oomScore } from "./programs.ts";

test("signals by name, number and place among the real-time ones", () => {
  expect(["TERM", "SIGQUIT", "9", "RTMIN+3", "RTMAX-1", "nonsense", "99"].map(signalNumber)).toEqual([
    15, 3, 9, 37, 63, 15, 15,
  ]);
});

test("mount points come with parents first and once", () => {
  expect(mountOrder(["/var/lib/nginx/", "/run", "/var", "/run"])).toEqual(["/run", "/var", "/var/lib/nginx"]);
  expect(mountPoints(["/run"], "/srv", []).map(({ path, type }) => `${path} ${type}`)).toEqual([
    "/dev folder",
    "/proc folder",
    "/run folder",
    "/srv folder",
    "/sys folder",
    "/etc/hostname file",
    "/etc/hosts file",
    "/etc/resolv.conf file",
  ]);
});

test("places for what a release brings: the secrets' folder once, everything else by itself", () => {
  const file = (name: string, path: string) =>
    ({ name, version: 1, delivery: { kind: "file", path } }) as const;
  const secrets = [
    ...[file("A", "/run/secrets/A"), file("B", "/run/secrets/b/b.key"), file("C", "/etc/c.key")],
    { name: "D", version: 1, delivery: { kind: "env", variable: "D" } } as const,
  ];
  const files = [{ to: "/etc/app.conf", mode: 0o444, digest: "" }];
  const points = placedPoints({ secrets, files });
  expect(points.map(({ path, type }) => `${path} ${type}`)).toEqual([
    ...["/run/secrets folder", "/etc/c.key file", "/etc/app.conf file"],
  ]);
  expect(mountPoints([], "", points).map(({ path }) => path)).toEqual([
    ...["/dev", "/proc", "/sys", "/run/secrets"],
    ...["/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/c.key", "/etc/app.conf"],
  ]);
  expect(placedPoints({ secrets: secrets.slice(3), files: [] })).toEqual([]);
});

test("memory for secrets is bounded and stays off the disk where the kernel can do that", () => {
  expect(memoryMountArgv("/s/secrets", { bytes: 8192, inodes: 64, swap: false }).join(" ")).toBe(
    "mount -t tmpfs -o nosuid,nodev,noexec,mode=0700,size=8192,nr_inodes=64,noswap tmpfs /s/secrets",
  );
  expect(memoryMountArgv("/s/secrets", { bytes: 8192, inodes: 64, swap: true })[4]).not.toContain("noswap");
});

test("mount points are read with blanks in them", () => {
  const line = "42 27 7:0 / /tmp/a\\040b ro,nosuid - erofs /dev/loop0 ro";
  expect(parseMountPoints(`${line}\n`)).toEqual(["/tmp/a b"]);
});

test("mounts are read-only, without devices and set-id programs, and the top layer comes first", () => {
  expect(layerMountArgv("/e/a.erofs", "/l/a", 165)?.slice(-4)).toEqual(["165", "7", "/e/a.erofs", "/l/a"]);
  expect(loopMountArgv("/e/a.erofs", "/l/a").join(" ")).toBe(
    "mount -t erofs -o ro,nodev,nosuid /e/a.erofs /l/a",
  );
  expect(rootMountArgv(["skeleton", "one", "two"], "/r").join(" ")).toBe(
    "mount -t overlay -o ro,nodev,nosuid,lowerdir=two:one:skeleton overlay /r",
  );
});

test("conmon's socket has a path that fits, below the longest state folder", () => {
  const state = { servers: `/${"x".repeat(66)}/servers` } as Parameters<typeof hostPaths>[0];
  const { socket } = serverPaths(hostPaths(state), `${"s".repeat(32)}.${"e".repeat(32)}-1000-100-10`);
  expect(`${socket}/attach`.length).toBeLessThanOrEqual(107);
});

describe("resolvers", () => {
  test("on the machine itself or without IPv4 are of no use to a server", () => {
    const text =
      "nameserver 127.0.0.53\nnameserver fd00::1\n nameserver 192.0.2.1 \nsearch example.com\noptions edns0\n";
    const parsed = parseResolvers(text);
    expect(parsed).toEqual({ addresses: ["192.0.2.1"], lines: ["search example.com", "options edns0"] });
    expect(resolversFile(parsed)).toBe("nameserver 192.0.2.1\nsearch example.com\noptions edns0\n");
    expect(resolversFile(withServices(parsed, "staging.kiln.internal"))).toBe(
      "nameserver 198.18.0.1\nsearch staging.kiln.internal example.com\noptions edns0\n",
    );
  });

  test("none rather than a public one when the machine has none", () => {
    expect(readResolvers(["/missing"])).toEqual({ addresses: [], lines: [] });
  });
});

test("host names are at most as long as the kernel takes, and keep what tells servers apart", () => {
  expect(hostnameOf("shop-1-1-1")).toBe("shop-1-1-1");
  const long = hostnameOf(`${"s".repeat(32)}.${"-".repeat(31)}e-12-1-1`);
  expect(long.length).toBeLessThanOrEqual(64);
  expect(long).toMatch(/^[a-z0-9].*-12-1-1$/);
  expect(hostsFile("10.0.0.2", "shop-1-1-1")).toContain("10.0.0.2 shop-1-1-1\n");
});

test("open files are bounded by us and by what the machine lets us have", () => {
  const limits = (hard: string) =>
    `Limit  Soft  Hard\nMax open files            1024                 ${hard}                files\n`;
  expect([limits("20000"), limits("unlimited"), limits("999999"), ""].map(openFilesLimit)).toEqual([
    20_000, 65_536, 65_536, 65_536,
  ]);
});

test("a process is not mistaken for a later one with the same number", () => {
  const self = findProcess(process.pid);
  expect(self && isAlive(self)).toBe(true);
  expect(self && isAlive({ ...self, startTicks: self.startTicks - 1 })).toBe(false);
  expect(findProcess(2 ** 22 + 1)).toBeUndefined();
});

test("runc's words become ours", () => {
  const message = (text: string) => startFailure("shop-1-1-1", "nginx", text).message;
  const prefix = "runc create failed: unable to start container process: ";
  expect(message(`${prefix}exec: "nginx": executable file not found in $PATH`)).toBe(
    "shop-1-1-1 cannot start: there is no program nginx in its image.",
  );
  expect(message(`${prefix}exec: "/x": permission denied`)).toContain("not executable");
  expect(message(`${prefix}something else`)).toBe("shop-1-1-1 cannot start: something else");
});

test("work on one server waits its turn, also after a failure; other servers don't wait", async () => {
  const locks = createKeyedLocks();
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = locks("a", async () => {
    await promise;
    order.push("a1");
    throw new Error("a1");
  });
  const second = locks("a", async () => order.push("a2"));
  await locks("b", async () => order.push("b"));
  resolve();
  await expect(first).rejects.toThrow("a1");
  await second;
  expect(order).toEqual(["b", "a1", "a2"]);
});

describe("a path in an image", () => {
  let root = "";
  beforeAll(() => {
    root = mkdtempSync("/tmp/kiln-");
    for (const folder of ["run", "var", "etc"]) mkdirSync(join(root, folder));
    symlinkSync("/run", join(root, "var/run"));
    symlinkSync("../../../../run/x/resolv.conf", join(root, "etc/resolv.conf"));
    symlinkSync("loop", join(root, "etc/loop"));
    writeFileSync(join(root, "etc/hosts"), "");
  });
  afterAll(() => rmSync(root, { recursive: true }));
  const resolve = (path: string) => {
    const { path: resolved, stats } = resolveInRoot(root, path);
    return [resolved, stats?.isDirectory() ? "folder" : stats ? "file" : "missing"];
  };

  test("is followed through symbolic links, never out of the image", () => {
    expect(resolve("/var/run")).toEqual(["/run", "folder"]);
    expect(resolve("/var/run/a")).toEqual(["/run/a", "missing"]);
    expect(resolve("/etc/resolv.conf")).toEqual(["/run/x/resolv.conf", "missing"]);
    expect(resolve("/etc/hosts")).toEqual(["/etc/hosts", "file"]);
    expect(resolve("/../..")).toEqual(["/", "folder"]);
    expect(resolve("/missing/../etc")).toEqual(["/etc", "folder"]);
  });

  test("must lead somewhere", () => {
    expect(() => resolve("/etc/loop")).toThrow("circle of symbolic links");
  });
});

test("servers are never less likely to be ended than others when memory runs out, whatever the controller is", () => {
  expect(["-900\n", "0\n", "200\n"].map(oomScore)).toEqual([0, 0, 200]);
});
