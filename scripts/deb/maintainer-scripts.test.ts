import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let base: string;
let home: string;
beforeEach(() => {
  base = mkdtempSync("/tmp/kiln-deb-test-");
  home = join(base, "var/lib/kiln");
  mkdirSync(join(home, "images"), { recursive: true });
  writeFileSync(join(home, "images/one"), "");
});
afterEach(() => rmSync(base, { recursive: true }));

/** Runs a maintainer script, for which everything is below `base`; `before` runs first, in a mount namespace of both. */
function maintain(name: string, argument: string, before = ":"): string {
  const text = readFileSync(join(import.meta.dirname, name), "utf8")
    .replaceAll(/\/(var\/lib\/kiln|usr\/lib\/kiln|etc\/systemd|run\/systemd)/g, `${base}$&`)
    .replace("kiln controller", `${base}/kiln controller`);
  const script = join(base, name);
  writeFileSync(script, text);
  const namespace = before === ":" ? [] : ["unshare", "--mount"];
  const [program = "", ...args] = [...namespace, "sh", "-c", `${before}; sh "$1" "$2" 2>&1`, "sh"];
  return execFileSync(program, [...args, script, argument], {
    encoding: "utf8",
    env: { ...process.env, base, home }, // in the arguments, the path would look as if something ran from there
  });
}

test("removing keeps the state, and purging removes it, also a second time", () => {
  maintain("postrm", "remove");
  expect(existsSync(join(home, "images/one"))).toBe(true);
  maintain("postrm", "purge");
  expect(existsSync(home)).toBe(false);
  maintain("postrm", "purge");
});

test("purging leaves the volumes of services, and says so", () => {
  mkdirSync(join(home, "volumes/shop"), { recursive: true });
  expect(maintain("postrm", "purge")).toContain("it holds data of services");
  expect(readdirSync(home)).toEqual(["volumes"]);
});

test.skipIf(process.getuid?.() !== 0)(
  "purging empties a state folder that is a file system of its own",
  () => {
    const mounted = 'mount -t tmpfs none "$home" && : > "$home/state"';
    maintain("postrm", "purge", `${mounted} && trap 'ls "$home" > "$base/left"' EXIT`);
    expect(readFileSync(join(base, "left"), "utf8")).toBe("");
  },
);

test("a damaged installation can be removed", () => {
  mkdirSync(join(base, "usr/lib/kiln/node_modules/.cache/kiln"), { recursive: true });
  expect(maintain("prerm", "remove")).toContain("the controller could not be stopped");
  expect(readdirSync(join(base, "usr/lib/kiln/node_modules"))).toEqual([]);
});
