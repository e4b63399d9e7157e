import { spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Content } from "../../tar/entry.ts";
import { compareNames, loaderCache } from "./loader-cache.ts";
import { sharedObjectName } from "./shared-object.ts";

const ldconfig = "/sbin/ldconfig";
const hasLdconfig = spawnSync(ldconfig, ["--version"]).status === 0;
if (!hasLdconfig) console.log("Skipped: ldconfig is not installed.");

/** `NAME (...) => PATH` of each line. */
function listed(cache: string): string[] {
  const { stdout } = spawnSync(ldconfig, ["-p", "-C", cache]);
  return stdout
    .toString()
    .split("\n")
    .flatMap((line) => {
      const [, name, kind, path] = /^\t(\S+) \(([^)]*)\) => (\S+)$/.exec(line) ?? [];
      return name === undefined ? [] : [`${name} ${kind} ${path}`];
    });
}

test.skipIf(!hasLdconfig)("ldconfig reads it, in the order in which it would write it", () => {
  const folder = mkdtempSync("/tmp/kiln-");
  try {
    const names = [
      "libz.so.1",
      "libc.so.6",
      "libssl.so.3",
      "liba.so.10",
      "liba.so.9",
      "ld-linux-x86-64.so.2",
    ];
    const cache = loaderCache(names.map((name) => ({ name, path: `/lib/${name}`, flags: 0x303 })));
    writeFileSync(join(folder, "cache"), cache);
    expect(listed(join(folder, "cache"))).toEqual(
      ["libz.so.1", "libssl.so.3", "libc.so.6", "liba.so.10", "liba.so.9", "ld-linux-x86-64.so.2"].map(
        (name) => `${name} libc6,x86-64 /lib/${name}`,
      ),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("names compare as in glibc: numbers by their value, and after letters", () => {
  expect(compareNames("liba.so.10", "liba.so.9")).toBeGreaterThan(0);
  expect(compareNames("lib1.so", "liba.so")).toBeGreaterThan(0);
  expect(compareNames("liba.so", "liba.so.1")).toBeLessThan(0);
  expect(compareNames("liba.so.1", "liba.so.1")).toBe(0);
});

test("a library's name is what readelf would say", () => {
  const path = ["x86_64", "aarch64"]
    .map((machine) => `/lib/${machine}-linux-gnu/libc.so.6`)
    .find((one) => statSync(one, { throwIfNoEntry: false }));
  if (path === undefined) return console.log("Skipped: this machine has no glibc.");
  const real = realpathSync(path);
  const content: Content = { kind: "slice", path: real, offset: 0, length: statSync(real).size };
  expect(sharedObjectName(content)).toBe("libc.so.6");
});
