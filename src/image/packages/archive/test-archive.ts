import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { exec } from "../../../lib/process/exec.ts";
import type { PackagesRequest } from "../contract.ts";

/**
 * A package to make: fields of its control file besides name and version, its files (those called `.gz` are compressed), its maintainer
 * scripts.
 */
export interface TestPackage {
  readonly name: string;
  readonly version?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  /** Members of its control archive that are symbolic links; what was there before is moved to the target. */
  readonly links?: Readonly<Record<string, string>>;
}

/** For tests: a package archive on this machine, and a folder for lock and cache; removed with `using`. */
export interface TestArchive extends Disposable {
  readonly folder: string;
  /** A request for these packages from this archive. */
  request(packages: readonly string[], changes?: Partial<PackagesRequest>): PackagesRequest;
  /** Adds a package, such as a newer version of one that is there. */
  publish(one: TestPackage): Promise<void>;
  /** Where the package's file is in the archive. */
  debFile(name: string): string;
}

const base: readonly TestPackage[] = [
  { name: "base-files", files: { "usr/lib/os-release": "ID=debian\n", "bin/.keep": "" } },
  {
    name: "base-passwd",
    files: {
      "usr/share/base-passwd/passwd.master": "root:*:0:0:root:/root:/bin/bash\n",
      "usr/share/base-passwd/group.master": "root:*:0:\nmail:*:8:\nshadow:*:42:\nutmp:*:43:\n",
    },
  },
  { name: "ca-certificates", files: { "usr/share/ca-certificates/test/Root.crt": "certificate\n" } },
  { name: "libc-bin", files: { "usr/share/libc-bin/nsswitch.conf": "passwd: files\n" } },
  { name: "libc6", files: { "lib/x86_64-linux-gnu/libc.so.6": "library\n" } },
  { name: "netbase", files: { "etc/services": "http 80/tcp\n" } },
  { name: "tzdata", files: { "usr/share/zoneinfo/Etc/UTC": "zone\n" } },
];

/** Makes an archive of the base packages and these. Needs dpkg-deb. */
export async function testArchive(packages: readonly TestPackage[]): Promise<TestArchive> {
  const folder = mkdtempSync("/tmp/kiln-deb-");
  const archive = join(folder, "archive");
  mkdirSync(archive);
  const stanzas = await Promise.all([...base, ...packages].map((one) => makeDeb(one, folder, archive)));
  const writeIndex = () => writeFileSync(join(archive, "Packages"), stanzas.join("\n"));
  writeIndex();
  return {
    folder,
    publish: async (one) => {
      stanzas.push(await makeDeb(one, folder, archive));
      writeIndex();
    },
    request: (wanted, changes = {}) => ({
      suite: "bookworm",
      packages: wanted,
      engine: "slim",
      sources: [`deb [trusted=yes] file:${archive} ./`],
      skipScripts: [],
      architecture: "amd64",
      lockFile: join(folder, "kiln.lock"),
      service: "shop",
      updateLock: false,
      cacheFolder: join(folder, "cache"),
      signal: new AbortController().signal,
      progress: () => {},
      note: () => {},
      ...changes,
    }),
    debFile: (name) => join(archive, `${name}_1.0_amd64.deb`),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Builds one `.deb` and gives its paragraph of the index. */
async function makeDeb(one: TestPackage, folder: string, archive: string): Promise<string> {
  const root = join(folder, "build", one.name);
  const version = one.version ?? "1.0";
  const control = Object.entries({
    Package: one.name,
    Version: version,
    Architecture: "amd64",
    Maintainer: "Nobody <nobody@example.com>",
    Description: "for a test",
    ...one.fields,
  }).map(([name, value]) => `${name}: ${value}\n`);
  put(join(root, "DEBIAN/control"), control.join(""), 0o644);
  for (const [name, text] of Object.entries(one.scripts ?? {})) put(join(root, "DEBIAN", name), text, 0o755);
  for (const [path, text] of Object.entries(one.files ?? {})) put(join(root, path), text, 0o644);
  for (const [name, target] of Object.entries(one.links ?? {})) {
    const member = join(root, "DEBIAN", name);
    if (existsSync(member)) renameSync(member, target);
    symlinkSync(target, member);
  }
  const name = `${one.name}_${version}_amd64.deb`;
  await exec(["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", root, join(archive, name)]);
  const bytes = readFileSync(join(archive, name));
  const digest = createHash("sha256").update(bytes).digest("hex");
  return `${control.join("")}Filename: ./${name}\nSize: ${bytes.length}\nSHA256: ${digest}\n`;
}

function put(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, path.endsWith(".gz") ? gzipSync(text) : text, { mode });
}
