import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { sha256 } from "../../../lib/files/sha256.ts";
import { contentBytes } from "../../store/content.ts";
import type { TarTree } from "../../tar/entry.ts";
import { readEntry } from "../archive/draft.ts";
import { packagesTree } from "../packages.ts";

const missing = ["apt-get", "mmdebstrap"].find((name) => spawnSync(name, ["--version"]).status !== 0);
const reason =
  process.getuid?.() !== 0 ? "root is needed to install packages" : missing && `${missing} is not installed`;
if (reason) console.log(`Skipped: ${reason}.`);

const folder = mkdtempSync("/tmp/kiln-full-");
const notes: string[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function locked(cache: string) {
  return packagesTree({
    ...{ suite: "bookworm", packages: ["ssl-cert"], engine: "full", sources: [], skipScripts: [] },
    architecture: spawnSync("dpkg", ["--print-architecture"]).stdout.toString().trim(),
    ...{ lockFile: join(folder, "kiln.lock"), service: "web", updateLock: false },
    ...{ cacheFolder: join(folder, cache), signal: new AbortController().signal },
    ...{ progress: () => {}, note: (text) => notes.push(text) },
  });
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
  },
);

function printed(tree: TarTree): readonly string[] {
  return [...tree.values()].map(({ content, ...entry }) =>
    JSON.stringify({ ...entry, sha256: content && sha256(contentBytes(content, 1 << 30)) }),
  );
}
