import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, expect, test, vi } from "vitest";
import { exec } from "../../lib/process/exec.ts";
import { contentBytes } from "../store/content.ts";
import type { TarTree } from "../tar/entry.ts";
import { findSources, openApt } from "./archive/apt.ts";
import { debPath } from "./archive/fetch.ts";
import { knownFixes } from "./archive/newer.ts";
import { type TestPackage, testArchive } from "./archive/test-archive.ts";
import { unpack } from "./archive/unpack.ts";
import { checkPackages } from "./check.ts";
import { packagesTree } from "./packages.ts";

const lacking = ["apt-get", "dpkg-deb"].filter((name) => spawnSync(name, ["--version"]).status !== 0);
if (lacking.length > 0) console.log(`Skipped: ${lacking.join(", ")} not installed.`);
const it = test.skipIf(lacking.length > 0);

const packages: readonly TestPackage[] = [
  {
    name: "hello",
    fields: { Depends: "libhello (= 1.0), debconf (>= 0.5) | debconf-2.0, adduser" },
    files: {
      "bin/hello": "#!/bin/sh\n",
      "usr/share/doc/hello/copyright": "mine\n",
      "usr/share/doc/hello/README": "dropped\n",
      "usr/share/man/man1/hello.1": "dropped\n",
      "usr/lib/sysusers.d/hello.conf": "u hello - - /var/lib/hello\n",
      "usr/lib/tmpfiles.d/hello.conf": "d /var/lib/hello 0750 hello hello -\n",
    },
    scripts: {
      postinst:
        '#!/bin/sh\nset -e\nif [ "$1" = "configure" ]; then\n  update-alternatives --install /usr/bin/greet greet /bin/hello 10\nfi\n',
    },
  },
  { name: "libhello", files: { "lib/x86_64-linux-gnu/libhello.so.1": "library\n" } },
  { name: "debconf", files: { "usr/share/debconf/confmodule": "x\n" } },
  { name: "adduser" },
  { name: "iproute2", files: { "bin/ip": "x\n" } },
  { name: "nginx", fields: { Depends: "iproute2" } },
  { name: "router", fields: { Depends: "iproute2" } },
  { name: "debconf-utils", fields: { Depends: "debconf" } },
  { name: "needy", scripts: { postinst: "#!/bin/sh\nset -e\nchown -R db /var/lib/db\n" } },
  {
    name: "mathlib",
    files: { "etc/ld.so.conf.d/math.conf": "/opt/math/lib\n", "opt/math/lib/libmath.so.1": "library\n" },
  },
  { name: "first", files: { "usr/bin/same": "1\n" } },
  { name: "second", files: { "usr/bin/same": "2\n" } },
  { name: "heir", fields: { Replaces: "first" }, files: { "bin/same": "heir\n" } },
  { name: "post", fields: { Provides: "mail-agent" } },
  { name: "exim", fields: { Provides: "mail-agent" } },
  { name: "enemy", fields: { Conflicts: "hello" } },
  { name: "orphan", fields: { Depends: "gone-for-good" } },
];

afterEach(() => vi.unstubAllEnvs());

function text(tree: TarTree, path: string): string | undefined {
  const content = tree.get(path)?.content;
  return content && contentBytes(content, 1 << 20).toString();
}

function lockedNames(lockFile: string): readonly string[] {
  const section = JSON.parse(readFileSync(lockFile, "utf8")).services.shop;
  return section.packages.map((one: { name: string }) => one.name);
}

it("a first build locks, fetches and assembles", async () => {
  using archive = await testArchive(packages);
  const said: string[] = [];
  const request = archive.request(["hello"], { progress: (message) => said.push(message) });
  const tree = await (await packagesTree(request)).tree();
  expect(lockedNames(request.lockFile)).toEqual([
    ...["base-files", "base-passwd", "ca-certificates", "hello", "libc-bin", "libc6"],
    ...["libhello", "netbase", "tzdata"],
  ]);
  expect(readFileSync(request.lockFile, "utf8")).not.toContain(archive.folder);
  expect(tree.get("bin")).toMatchObject({ type: "symlink", link: "usr/bin" });
  expect(text(tree, "usr/bin/hello")).toBe("#!/bin/sh\n");
  expect(tree.get("usr/bin/greet")?.link).toBe("/etc/alternatives/greet");
  expect(tree.has("usr/share/doc/hello/copyright")).toBe(true);
  expect([...tree.keys()].filter((path) => /README|\/man1?\//.test(path))).toEqual([]);
  expect(text(tree, "etc/passwd")).toMatch(/^hello:x:(\d+):\1::\/var\/lib\/hello:/m);
  expect(tree.get("var/lib/hello")).toMatchObject({ type: "folder", mode: 0o750 });
  expect(tree.get("var/lib/hello")?.uid).toBeGreaterThanOrEqual(200);
  expect(tree.get("etc/shadow")).toMatchObject({ mode: 0o640, uid: 0, gid: 42 });
  expect(text(tree, "etc/ssl/certs/ca-certificates.crt")).toBe("certificate\n");
  expect(text(tree, "var/lib/dpkg/status")).toContain("Package: hello\nStatus: install ok installed\n");
  expect(text(tree, "var/lib/dpkg/info/hello.list")).toContain("/usr/bin/hello\n");
  expect(tree.get("tmp")).toMatchObject({ type: "folder", mode: 0o1777 });
});

it("a build from the lock needs neither apt's lists nor the network, and writes nothing", async () => {
  using archive = await testArchive(packages);
  const request = archive.request(["hello"]);
  const first = await packagesTree(request);
  await first.tree();
  const lock = readFileSync(request.lockFile, "utf8");
  rmSync(join(archive.folder, "archive"), { recursive: true });
  rmSync(join(request.cacheFolder, "apt"), { recursive: true });
  const again = await packagesTree(request);
  expect(again.inputDigest).toBe(first.inputDigest);
  expect([...(await again.tree()).keys()]).toContain("usr/bin/hello");
  expect(readFileSync(request.lockFile, "utf8")).toBe(lock);
});

it("the order of the packages, time zone, umask and cache make no difference", async () => {
  using archive = await testArchive(packages);
  const request = archive.request(["hello", "router", "first"]);
  const one = await packagesTree(request);
  const before = { umask: process.umask(0o077), zone: process.env.TZ };
  try {
    process.env.TZ = "Pacific/Auckland";
    const other = await packagesTree({
      ...request,
      packages: ["first", "hello", "router"],
      cacheFolder: join(archive.folder, "other"),
    });
    expect(other.inputDigest).toBe(one.inputDigest);
    const [a, b] = [await one.tree(), await other.tree()];
    const plain = (tree: TarTree) =>
      [...tree.values()].map(({ content, ...entry }) => [entry, content && contentBytes(content, 1 << 20)]);
    expect(plain(a)).toEqual(plain(b));
  } finally {
    process.umask(before.umask);
    if (before.zone === undefined) delete process.env.TZ;
    else process.env.TZ = before.zone;
  }
});

it("helpers of maintainer scripts come only when asked for or really needed", async () => {
  using archive = await testArchive(packages);
  const update = (names: readonly string[]) => packagesTree(archive.request(names, { updateLock: true }));
  const lockFile = archive.request([]).lockFile;
  await update(["nginx"]);
  expect(lockedNames(lockFile)).not.toContain("iproute2");
  await update(["nginx", "router"]);
  expect(lockedNames(lockFile)).toContain("iproute2");
  await update(["debconf-utils"]);
  expect(lockedNames(lockFile)).toContain("debconf");
  await update(["hello", "adduser"]);
  expect(lockedNames(lockFile)).toContain("adduser");
});

it("another request is refused until the lock is updated, which keeps other services", async () => {
  using archive = await testArchive(packages);
  await packagesTree(archive.request(["hello"]));
  await packagesTree(archive.request(["first"], { service: "api" }));
  const wanted = archive.request(["libhello"]);
  await expect(packagesTree(wanted)).rejects.toMatchObject({ code: "lock_stale" });
  await packagesTree({ ...wanted, updateLock: true });
  const lock = JSON.parse(readFileSync(wanted.lockFile, "utf8"));
  expect(Object.keys(lock.services)).toEqual(["api", "shop"]);
  expect(lock.services.shop.requested).toEqual(["libhello"]);
});

it("an update says what it fixes, and so does the archive about an image of before", async () => {
  using archive = await testArchive(packages);
  await packagesTree(archive.request(["hello"]));
  const changelog =
    "hello (1.2) bookworm; urgency=high\n\n  * CVE-2025-0001\n\nhello (1.0) bookworm; urgency=low\n\n  * CVE-2024-0001\n";
  const files = { "usr/share/doc/hello/changelog.Debian.gz": changelog };
  await archive.publish({ name: "hello", version: "1.2", files });
  const notes: string[] = [];
  const request = archive.request(["hello"], { updateLock: true, note: (text) => notes.push(text) });
  await packagesTree(request);
  expect(notes).toEqual(["update hello 1.0 to 1.2: fixes CVE-2025-0001"]);
  const { cacheFolder, architecture, suite, signal } = request;
  const apt = await openApt(
    cacheFolder,
    architecture,
    await findSources(request.sources, suite, signal),
    signal,
  );
  const installed = ["hello", "gone"].map((name) => ({ name, source: { name, version: "1.0" } }));
  expect(await knownFixes(apt, installed, request)).toEqual([
    {
      ...{ source: "hello", from: "1.0", newest: "1.2" },
      fixes: new Map([
        ["CVE-2025-0001", "1.2"],
        ["CVE-2024-0001", "1.0"],
      ]),
    },
  ]);
});

it.each([
  ["an unknown name", ["helo"], "package_unknown", /Did you mean hello\?/],
  ["an unknown version", ["hello=2.0"], "package_unknown", /Name another version/],
  [
    "a name that others provide",
    ["mail-agent"],
    "package_unknown",
    /Name one of them: (post, exim|exim, post)\./,
  ],
  ["what apt would take for a removal", ["hello-"], "package_unknown", undefined],
  ["an option", ["--help"], "package_unknown", /Write `name`/],
])("%s is said, and nothing is locked", async (_, names, code, hint) => {
  using archive = await testArchive(packages);
  const request = archive.request(names);
  await expect(packagesTree(request)).rejects.toMatchObject({
    code,
    ...(hint ? { hint: expect.stringMatching(hint) } : {}),
  });
  expect(existsSync(request.lockFile)).toBe(false);
});

it.each([
  ["a conflict", ["hello", "enemy"], "enemy : Conflicts: hello"],
  ["a dependency that is nowhere", ["orphan"], "orphan : Depends: gone-for-good"],
])("%s is explained by apt, and nothing is locked", async (_, names, words) => {
  using archive = await testArchive(packages);
  const request = archive.request(names);
  await expect(packagesTree(request)).rejects.toMatchObject({
    code: "package_conflict",
    message: expect.stringContaining(words),
  });
  expect(existsSync(request.lockFile)).toBe(false);
});

it("a script that is not understood is named, with the command and the remedy", async () => {
  using archive = await testArchive(packages);
  const request = archive.request(["needy"]);
  const locked = await packagesTree(request);
  await expect(locked.tree()).rejects.toMatchObject({
    code: "package_needs_script",
    message: expect.stringContaining("needy"),
    hint: expect.stringContaining("image.skipScripts: [needy]"),
    problems: [{ message: "needy: chown -R db /var/lib/db" }],
  });
  const skipped = await packagesTree({ ...request, skipScripts: ["needy"] });
  expect((await skipped.tree()).size).toBeGreaterThan(10);
  expect(skipped.inputDigest).not.toBe(locked.inputDigest);
});

it("a check names what stands against packages, and writes no lock", async () => {
  using archive = await testArchive(packages);
  const request = archive.request([]);
  const check = await checkPackages(["hello", "needy"], request);
  expect([...check.unclear]).toEqual([["needy", "chown -R db /var/lib/db"]]);
  expect((await checkPackages(["hello"], request)).unclear.size).toBe(0);
  expect(existsSync(request.lockFile)).toBe(false);
});

it("a script that is understood is done: its user owns what it says", async () => {
  using archive = await testArchive([
    {
      name: "base",
      files: { "usr/lib/base/helper": "make_home() { install -d -o $1 -m 750 /var/lib/$1; }\n" },
    },
    {
      name: "wordy",
      fields: { Depends: "base" },
      files: { "etc/wordy.conf": "x\n" },
      scripts: {
        postinst:
          "#!/bin/sh\nset -e\n. /usr/lib/base/helper\nadduser --system --group wordy\nmake_home wordy\nchgrp wordy /etc/wordy.conf\n",
      },
    },
  ]);
  const tree = await (await packagesTree(archive.request(["wordy"]))).tree();
  const [, number] = /^wordy:x:(\d+):\1:/m.exec(text(tree, "etc/passwd") ?? "") ?? [];
  expect(Number(number)).toBeGreaterThanOrEqual(200);
  expect(tree.get("var/lib/wordy")).toMatchObject({ mode: 0o750, uid: Number(number), gid: 0 });
  expect(tree.get("etc/wordy.conf")).toMatchObject({ uid: 0, gid: Number(number) });
});

it("a package may add a library folder, which ldconfig would make known otherwise", async () => {
  using archive = await testArchive(packages);
  const tree = await (await packagesTree(archive.request(["mathlib"]))).tree();
  expect(text(tree, "etc/ld.so.conf.d/math.conf")).toBe("/opt/math/lib\n");
  expect(text(tree, "opt/math/lib/libmath.so.1")).toBe("library\n");
});

it("two packages with one path: an error, or the one that replaces the other", async () => {
  using archive = await testArchive(packages);
  const clash = await packagesTree(archive.request(["first", "second"]));
  await expect(clash.tree()).rejects.toMatchObject({
    code: "package_conflict",
    message: expect.stringContaining("/usr/bin/same"),
  });
  const heir = await packagesTree(archive.request(["first", "heir"], { updateLock: true }));
  expect(text(await heir.tree(), "usr/bin/same")).toBe("heir\n");
});

it("a package that is gone, damaged at the mirror, or damaged in the cache", async () => {
  using archive = await testArchive(packages);
  const request = archive.request(["hello"]);
  const locked = await packagesTree(request);
  const whole = readFileSync(archive.debFile("hello"));
  rmSync(archive.debFile("hello"));
  await expect(locked.tree()).rejects.toMatchObject({
    code: "package_gone",
    message: "hello 1.0 is no longer in the package sources.",
    hint: expect.stringContaining("--update"),
  });
  writeFileSync(archive.debFile("hello"), Buffer.alloc(whole.length));
  await expect(locked.tree()).rejects.toMatchObject({ code: "package_corrupt" });
  writeFileSync(archive.debFile("hello"), whole);
  await locked.tree();
  const { sha256 } = JSON.parse(readFileSync(request.lockFile, "utf8")).services.shop.packages.find(
    (one: { name: string }) => one.name === "hello",
  );
  rmSync(join(request.cacheFolder, "unpacked", `${sha256}.tars`), { recursive: true });
  writeFileSync(join(request.cacheFolder, "debs", `${sha256}.deb`), Buffer.alloc(whole.length));
  await expect(locked.tree()).rejects.toMatchObject({ code: "package_corrupt", retry: true });
  expect(text(await locked.tree(), "usr/bin/hello")).toBe("#!/bin/sh\n");
});

it("without network apt's own words are given, and a later try may work", async () => {
  using archive = await testArchive([]);
  vi.stubEnv("http_proxy", "http://127.0.0.1:9");
  const sources = ["deb [trusted=yes] http://deb.example.com/debian bookworm main"];
  await expect(packagesTree(archive.request(["hello"], { sources }))).rejects.toMatchObject({
    code: "apt_failed",
    retry: true,
    message: expect.stringContaining("Could not connect to 127.0.0.1:9"),
  });
});

it("a package whose control archive links to files of the machine is refused, with its name", async () => {
  const outside = mkdtempSync("/tmp/kiln-outside-");
  try {
    for (const name of ["control", "md5sums", "postinst"]) {
      const scripts: Record<string, string> = name === "control" ? {} : { [name]: "secret of the machine\n" };
      const evil = { name: "evil", scripts, links: { [name]: join(outside, name) } };
      using archive = await testArchive([evil]);
      const locked = await packagesTree(archive.request(["evil"]));
      await expect(locked.tree()).rejects.toMatchObject({
        code: "package_corrupt",
        message: expect.stringMatching(`evil 1.0 .*${name}`),
      });
    }
  } finally {
    rmSync(outside, { recursive: true });
  }
});

it("it stops when cancelled", async () => {
  using archive = await testArchive(packages);
  const cancel = new AbortController();
  const progress = () => cancel.abort();
  await expect(
    packagesTree(archive.request(["hello"], { signal: cancel.signal, progress })),
  ).rejects.toMatchObject({ code: "cancelled" });
});

it("a package that names four gigabytes of memory for its unpacking is refused", async () => {
  using archive = await testArchive([{ name: "large", files: { "usr/share/large": "text" } }]);
  const deb = archive.debFile("large");
  await exec(["dpkg-deb", "--build", "-Zxz", join(archive.folder, "build/large"), deb]);
  const bytes = withLargestDictionary(readFileSync(deb));
  const one = {
    ...{ name: "large", version: "1.0", architecture: "amd64", path: "large.deb", suite: "./" },
    ...{ size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") },
  };
  mkdirSync(join(archive.folder, "cache/debs"), { recursive: true });
  writeFileSync(debPath(join(archive.folder, "cache"), one), bytes);
  const unpacked = unpack(one, join(archive.folder, "cache"), new AbortController().signal);
  await expect(unpacked).rejects.toMatchObject({ code: "package_corrupt" });
});

/** The .xz file format, 3.1: the block header after the stream's 12 bytes; LZMA2 (0x21) has one byte for its dictionary. */
function withLargestDictionary(deb: Buffer): Buffer {
  const bytes = Buffer.from(deb);
  const magic = Buffer.from("fd377a585a00", "hex");
  for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) {
    const start = at + 12;
    const end = start + ((bytes[start] ?? 0) + 1) * 4 - 4;
    bytes[bytes.indexOf(Buffer.from("2101", "hex"), start) + 2] = 40;
    bytes.writeUInt32LE(crc32(bytes.subarray(start, end)), end);
  }
  return bytes;
}
