import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { sha256 } from "../../../lib/files/sha256.ts";
import { inParallel } from "../../../lib/in-parallel.ts";
import { contentBytes } from "../../store/content.ts";
import type { TarTree } from "../../tar/entry.ts";
import { readEntry } from "../archive/draft.ts";
import { unpack } from "../archive/unpack.ts";
import { assemble } from "../assemble.ts";
import { packagesTree } from "../packages.ts";
import { type Allowed, accountLines, differences } from "./test-comparison.ts";
import { withoutTraces } from "./traces.ts";

const missing = ["apt-get", "mmdebstrap"].find((name) => spawnSync(name, ["--version"]).status !== 0);
const reason =
  process.getuid?.() !== 0 ? "root is needed to install packages" : missing && `${missing} is not installed`;
if (reason) console.log(`Skipped: ${reason}.`);

const folder = mkdtempSync("/tmp/kiln-full-");
const notes: string[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Their scripts make users and groups, own folders, name alternatives, keep configuration with ucf, and ask debconf. */
const packages = ["ssl-cert", "chrony", "openssh-server", "vim-tiny"];

function locked(cache: string) {
  return packagesTree({
    ...{ suite: "bookworm", packages, engine: "full", sources: [], skipScripts: [] },
    architecture: spawnSync("dpkg", ["--print-architecture"]).stdout.toString().trim(),
    ...{ lockFile: join(folder, "kiln.lock"), service: "web", updateLock: false },
    ...{ cacheFolder: join(folder, cache), signal: new AbortController().signal },
    ...{ progress: () => {}, note: (text) => notes.push(text) },
  });
}

/** What a slim image has otherwise, on purpose. */
const allowed: readonly Allowed[] = [
  { path: /^(dev|etc\/mtab)$/, why: "a mount point, and a link that the host's own takes the place of" },
  { path: /^etc\/(rc[0-6S]\.d|runit|systemd)\/|^var\/lib\/systemd\//, why: "no init system starts services" },
  { path: /^etc\/apparmor\.d\/local(\/|$)/, why: "AppArmor's profiles belong to the host" },
  { path: /^etc\/alternatives\/.*[0-9]\.gz$/, why: "manual pages are left out" },
  {
    path: /^etc\/alternatives\/which$|^usr\/bin\/which$/,
    why: "a recipe links the one program that there is",
  },
  { path: /^etc\/ssl\/certs\/(?!ca-certificates\.crt$)/, why: "the bundle has all certificates" },
  {
    path: /^etc\/ca-certificates\.conf$|^usr\/local\/share\/ca-certificates$/,
    why: "the bundle is made without them",
  },
  { path: /^etc\/(passwd|group|shadow|gshadow)$/, why: "numbers differ; names are compared apart" },
  { path: /^etc\/\.pwd\.lock$/, why: "a lock of programs that change accounts" },
  { path: /^etc\/(fstab|hosts|networks)$/, why: "the host gives each server its own" },
  { path: /^etc\/hosts\.(allow|deny)$/, why: "they say nothing but explanations" },
  { path: /^etc\/ld\.so\.cache$/, why: "without variants for newer processors" },
  { path: /^etc\/shells$|^var\/lib\/shells\.state$/, why: "a recipe lists the shells of Debian's default" },
  { path: /^(etc|var\/cache|var\/lib)\/apt(\/|$)/, why: "an image has no apt" },
  { path: /^var\/lib\/(dpkg|ucf)(\/|$)/, why: "there are no upgrades inside an image" },
];

/** The files that `locked` has fetched, as the slim engine takes them. usrmerge moves folders of older systems. */
async function slim(cache: string, skipScripts: readonly string[]): Promise<TarTree> {
  const { packages: all } = await locked(cache);
  const unpacked = await inParallel(all, 2, (one) =>
    unpack(one, join(folder, cache), new AbortController().signal),
  );
  return withoutTraces(assemble(unpacked, ["usrmerge", ...skipScripts]).tree).tree;
}

test.skipIf(reason !== undefined)(
  "an installation with all scripts gives the same tree again, without the keys that scripts make",
  { timeout: 600_000 },
  async () => {
    const first = await locked("one");
    const tree = await first.tree();
    cpSync(join(folder, "one/debs"), join(folder, "two/debs"), { recursive: true });
    const second = await locked("two");
    expect(second.inputDigest).toBe(first.inputDigest);
    expect(printed(await second.tree())).toEqual(printed(tree));

    expect(readFileSync(join(folder, "kiln.lock"), "utf8")).toContain('"engine": "full"');
    expect(readEntry(tree, "etc/group")?.toString()).toMatch(/^ssl-cert:x:/m); // made by the script of ssl-cert
    expect(tree.get("etc/ssl/private")).toMatchObject({ mode: 0o710 }); // and so is this mode
    expect(tree.has("etc/ssl/private/ssl-cert-snakeoil.key")).toBe(false);
    expect(notes[0]).toContain("/etc/ssl/private/ssl-cert-snakeoil.key");
    expect(readEntry(tree, "etc/ssl/certs/ca-certificates.crt")?.toString()).toContain("BEGIN CERTIFICATE");
    expect(tree.get("bin")).toMatchObject({ type: "symlink", link: "usr/bin" });
    expect(tree.has("usr/bin/apt")).toBe(false);

    // the slim engine makes the same of the same packages, without running a script
    const interpreted = await slim("one", []);
    expect(differences(interpreted, tree, allowed)).toEqual([]);
    expect(accountLines(interpreted)).toEqual(accountLines(tree));
    // and the comparison sees when a script's work is missing
    const without = await slim("one", ["chrony"]);
    expect(differences(without, tree, allowed).join("\n")).toMatch(
      /^etc\/chrony\/chrony\.conf: slim nothing[\s\S]*^var\/lib\/chrony: slim folder 755 root:root/m,
    );
    expect(accountLines(without)).not.toContain("etc/group: _chrony ");
  },
);

function printed(tree: TarTree): readonly string[] {
  return [...tree.values()].map(({ content, ...entry }) =>
    JSON.stringify({ ...entry, sha256: content && sha256(contentBytes(content, 1 << 30)) }),
  );
}
