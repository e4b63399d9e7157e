import { expect, test } from "vitest";
import { cpioArchive } from "./cpio.ts";
import { hostedModules, modulesInOrder } from "./modules.ts";

test("an archive has the form that the kernel unpacks, and nothing of this machine in it", () => {
  const archive = cpioArchive([
    { path: "lib", mode: 0o755, type: "folder" },
    { path: "lib/a.ko", mode: 0o600, type: "file", bytes: Buffer.from("12345") },
  ]);
  expect(archive.length % 4).toBe(0);
  const zero = "00000000";
  const folder = `070701${"00000001"}000041ed${zero}${zero}${"00000001"}${zero}${zero}${zero.repeat(4)}00000004${zero}lib\0`;
  expect(archive.subarray(0, folder.length).toString("latin1")).toBe(folder);
  expect(archive.toString("latin1")).toContain("lib/a.ko\0");
  expect(archive.toString("latin1")).toContain("12345\0\0\0");
  expect(archive.toString("latin1").indexOf("TRAILER!!!\0")).toBeGreaterThan(0);
});

function kernelOf(depends: Readonly<Record<string, string>>) {
  return (name: string) => {
    const needs = depends[name];
    return needs === undefined
      ? undefined
      : { file: `${name}.ko`, bytes: Buffer.from(`ELF\0license=GPL\0depends=${needs}\0name=${name}\0`) };
  };
}

test("a module is loaded after those that it needs; what is built in is not looked for", () => {
  const read = kernelOf({
    virtio_net: "net_failover,virtio-ring",
    net_failover: "failover",
    failover: "",
    virtio_ring: "",
  });
  expect(modulesInOrder(hostedModules, read).map(({ file }) => file)).toEqual([
    ...["failover.ko", "net_failover.ko", "virtio_ring.ko", "virtio_net.ko"],
  ]);
});

test("modules that need each other are an error", () => {
  expect(() => modulesInOrder(hostedModules, kernelOf({ erofs: "overlay", overlay: "erofs" }))).toThrow(
    "erofs, overlay",
  );
});
