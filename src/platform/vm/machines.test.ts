import { expect, test } from "vitest";
import { readOrders } from "../../domain/guest/testing.ts";
import { parseEnd } from "../local/server/server-state.ts";
import { testRelease } from "../local/test-image.ts";
import { type GuestInput, guestConfig } from "./guest-config.ts";
import { hypervisorArgv } from "./hypervisor.ts";
import { openedPorts } from "./vm-host.ts";

const input: GuestInput = {
  id: "shop-1-1-1",
  hostname: "shop-1-1-1",
  release: testRelease("x", { writable: ["/run/"], memoryBytes: 64 << 20 }),
  image: {
    digest: `sha256:${"0".repeat(64)}`,
    argv: ["/bin/web", "--text", "a\nb"],
    env: ["A=image"],
    uid: 33,
    gid: 34,
    groups: [44],
    workingFolder: "/srv",
    stopSignal: "TERM",
  },
  layers: 2,
  content: {
    secrets: [
      {
        secret: { name: "KEY", version: 1, delivery: { kind: "file", path: "/run/secrets/KEY" } },
        value: Buffer.from("a\0b"),
      },
      {
        secret: { name: "T", version: 1, delivery: { kind: "env", variable: "TOKEN" } },
        value: Buffer.from("s"),
      },
    ],
    files: [{ to: "/etc/shop.conf", mode: 0o444, bytes: Buffer.from("conf") }],
  },
  hosts: "127.0.0.1 localhost\n",
  resolvers: "nameserver 192.0.2.1\n",
  network: { address: "10.0.0.2", mask: "255.255.252.0", gateway: "10.0.0.1", mtu: 1500 },
  openFiles: 1024,
};

test("a guest gets its root, what is placed in it, and only then where it may write", () => {
  const orders = readOrders(guestConfig(input));
  const at = (...start: readonly string[]) =>
    orders.findIndex((order) => start.every((word, i) => order[i] === word));
  expect(at("root", "2")).toBeLessThan(at("file", "/etc/hosts"));
  expect(orders[at("file", "/run/secrets/KEY")]).toEqual([
    "file",
    "/run/secrets/KEY",
    "0400",
    "33",
    "34",
    "a",
    "b",
  ]);
  expect(orders[at("file", "/etc/shop.conf")]).toEqual(["file", "/etc/shop.conf", "444", "33", "34", "conf"]);
  expect(at("file", "/etc/shop.conf")).toBeLessThan(at("seal"));
  expect(at("file", "/run/secrets/KEY")).toBeGreaterThan(at("mount", "tmpfs", "/run"));
  expect(at("seal")).toBeLessThan(at("mount", "tmpfs", "/run"));
  expect(orders[at("mount", "tmpfs", "/run")]?.[4]).toBe("noexec,nosuid,nodev");
  expect(orders.filter(([name]) => name === "arg").map(([, word]) => word)).toEqual(input.image.argv);
  expect(orders.filter(([name]) => name === "env").map(([, line]) => line)).toContain("TOKEN=s");
});

test("a hypervisor's disks are read-only, and all of 120 layers have a place on the bus", () => {
  const argv = hypervisorArgv({
    ...{ name: "shop-1-1-1", accelerator: "tcg", memoryMiB: 104, processors: 1, layers: 120 },
    ...{ link: "06:6b:0a:00:00:02", tap: "tap0" },
  });
  const disks = argv.filter((word) => word.startsWith("driver=raw"));
  expect(disks).toHaveLength(120);
  expect(disks.filter((word) => !word.includes("read-only=on"))).toEqual([]);
  const places = argv.flatMap((word) => /^virtio-blk-pci.*addr=(0x[0-9a-f]+\.\d)/.exec(word)?.[1] ?? []);
  expect(new Set(places).size).toBe(120);
  expect(places.map((place) => Number(place.split(".")[0])).filter((slot) => slot >= 31)).toEqual([]);
});

test("a machine knows the port of UDP to look at, and says when it is open", () => {
  const orders = (mode: "http" | "udp") => {
    const release = testRelease("x", { port: 5353 });
    const traffic = { mode, listen: 53, host: undefined };
    return readOrders(guestConfig({ ...input, release: { ...release, traffic } }));
  };
  expect(orders("udp")).toContainEqual(["datagrams", "5353"]);
  expect(orders("http").filter(([name]) => name === "datagrams")).toEqual([]);
  expect(openedPorts("booted\nstarted\n")).toEqual([]);
  expect(openedPorts("booted\nstarted\nopen 5353\n")).toMatchObject([{ port: 5353, reach: "any" }]);
});

test.each([
  ["booted\nstarted\nexit 7\n", 0, { code: 7, oomKilled: false }],
  ["booted\nstarted\nexit 137 memory\n", 0, { code: 137, oomKilled: true }],
  ["booted\nstarted\n", 137, { code: 137, oomKilled: false }],
  ["booted\n", 0, { oomKilled: false }],
])("a machine that said %j, with a hypervisor that ended with %i", (told, code, end) => {
  expect(parseEnd(told, code)).toEqual(end);
});
