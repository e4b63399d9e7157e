import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GitSource } from "../../domain/source.ts";
import { exec } from "../../lib/process/exec.ts";
import { freePort, memoryFolder } from "../../lib/testing.ts";
import { Repository } from "./repository.ts";

let base: string;
let project: string;
let port: number;
let server: ChildProcess;

beforeEach(async () => {
  base = memoryFolder("kiln-source-");
  project = join(base, "served/shop");
  port = await freePort();
  await exec(["git", "init", "-q", "-b", "main", project]);
  const programs = (await exec(["git", "--exec-path"])).stdout.trim();
  const where = [
    "--listen=127.0.0.1",
    `--port=${port}`,
    "--export-all",
    `--base-path=${join(base, "served")}`,
  ];
  server = spawn(join(programs, "git-daemon"), where, { stdio: "ignore" });
});
afterEach(async () => {
  const end = new Promise((resolve) => server.once("close", resolve));
  server.kill("SIGKILL");
  await end;
  rmSync(base, { recursive: true, force: true });
});

const person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"] as const;

async function git(...args: readonly string[]): Promise<string> {
  return (await exec(["git", "-C", project, ...person, ...args])).stdout.trim();
}

async function commit(files: Readonly<Record<string, string>>, ...more: readonly string[]): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(project, name, ".."), { recursive: true });
    writeFileSync(join(project, name), text);
  }
  await git("add", "--all");
  await git("commit", "--quiet", "--allow-empty", "--message", "A change", ...more);
  return git("rev-parse", "HEAD");
}

function repository(of: Partial<GitSource> = {}, packBytes?: number): Repository {
  const url = `git://127.0.0.1:${port}/shop/.git`;
  const source: GitSource = {
    ...{ service: "shop", url, branch: "main", path: ".", intervalMs: 60_000, addedAtMs: 0, addedBy: "ada" },
    ...{ hold: undefined, head: undefined, lookedAtMs: undefined, deployed: undefined, failing: undefined },
    ...{ nextLookAtMs: 0, ...of },
  };
  return new Repository(join(base, "sources"), source, new AbortController().signal, packBytes);
}

/** The daemon may not listen yet. */
async function head(of: Repository): Promise<string> {
  for (const endMs = Date.now() + 60_000; ; ) {
    try {
      return await of.head();
    } catch (error) {
      if (Date.now() > endMs || !String(error).includes("onnect")) throw error;
    }
  }
}

const strict = { rewritten: false };
const deployedAt = (id: string) => ({ commit: id, tree: "", atMs: 0, release: 1 });

test("a commit is fetched and written, with its author, and again after a crash in the middle", async () => {
  const id = await commit({ "deploy/kiln.yaml": "service: shop\n", other: "x" });
  const shop = repository({ path: "deploy" });
  expect(await head(shop)).toBe(id);
  const { commit: found, tree } = await shop.fetch(id, strict);
  expect(found).toMatchObject({ id, author: "Ada <ada@example.com>", subject: "A change" });
  const folder = await shop.checkOut(id);
  expect(readFileSync(join(folder, "kiln.yaml"), "utf8")).toBe("service: shop\n");
  writeFileSync(join(folder, "left"), "by a build");
  writeFileSync(join(folder, "../.git/index.lock"), "");
  const next = await commit({ other: "y" });
  expect((await shop.fetch(next, strict)).tree).toBe(tree); // nothing below its path has changed
  expect(await shop.checkOut(next)).toBe(folder);
  expect(existsSync(join(folder, "left"))).toBe(false);
  expect(shop.inWords(`${folder}/kiln.yaml:1`)).toBe("deploy/kiln.yaml:1");
});

test("a branch that was set back or rewritten is refused, unless someone asks for it", async () => {
  const first = await commit({ file: "1" });
  const second = await commit({ file: "2" });
  const ahead = repository({ deployed: deployedAt(second) });
  await head(ahead);
  await ahead.fetch(second, strict);
  await git("reset", "--quiet", "--hard", first);
  await expect(ahead.fetch(first, strict)).rejects.toMatchObject({ code: "source_rewritten" });
  const other = await commit({ file: "3" });
  await expect(ahead.fetch(other, strict)).rejects.toMatchObject({ code: "source_rewritten" });
  expect((await ahead.fetch(other, { rewritten: true })).commit.id).toBe(other);
});

test("a branch whose name only ends in the one that is followed does not count", async () => {
  const first = await commit({ file: "1" });
  const second = await commit({ file: "2" });
  await git("branch", "a/refs/heads/main", first);
  const shop = repository();
  expect(await head(shop)).toBe(second);
  await git("branch", "-m", "main", "other");
  await expect(shop.head()).rejects.toThrow("no branch main");
});

test("what fetches have left is thrown away before it fills the disk", async () => {
  const id = await commit({ file: "1" });
  const shop = repository();
  await head(shop);
  await shop.fetch(id, strict);
  const left = join(shop.folder, "checkout/.git/objects/pack/tmp_pack_1");
  writeFileSync(left, "");
  truncateSync(left, 3 * 2 ** 30);
  await shop.fetch(id, strict);
  expect(existsSync(left)).toBe(false);
});

test("a branch, a folder or a repository that is missing is named", async () => {
  const id = await commit({ file: "1" });
  const shop = repository();
  await head(shop);
  await expect(repository({ branch: "release" }).head()).rejects.toThrow("no branch release");
  await expect(repository({ path: "deploy" }).fetch(id, strict)).rejects.toThrow("no folder deploy");
  await expect(repository({ path: "file" }).fetch(id, strict)).rejects.toThrow("no folder file");
  const gone = repository({ url: `git://127.0.0.1:${port}/bank` });
  await expect(gone.head()).rejects.toMatchObject({ code: "source_unreachable", retry: true });
});

describe("signatures", () => {
  async function keyOf(name: string): Promise<string> {
    const path = join(base, name);
    await exec(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]);
    return path;
  }
  const signing = (key: string) => ["-c", "gpg.format=ssh", "-c", `user.signingKey=${key}`];
  const signed = async (key: string) => {
    await git(...signing(key), "commit", "--quiet", "--allow-empty", "-S", "--message", "Signed");
    return git("rev-parse", "HEAD");
  };

  test("only a commit of an allowed signer passes", async () => {
    const [ada, eve] = await Promise.all([keyOf("ada"), keyOf("eve")]);
    const allowedSigners = `ada@example.com ${readFileSync(`${ada}.pub`, "utf8")}`;
    const shop = repository({ allowedSigners });
    const plain = await commit({ file: "1" });
    await head(shop);
    await expect(shop.fetch(plain, strict)).rejects.toMatchObject({ code: "source_unsigned" });
    const good = await signed(`${ada}.pub`).catch(() => signed(ada));
    expect((await shop.fetch(good, strict)).commit.signer).toBe("ada@example.com");
    const foreign = await signed(eve);
    await expect(shop.fetch(foreign, strict)).rejects.toMatchObject({ code: "source_unsigned" });
    const forged = await forge(good);
    await expect(shop.fetch(forged, strict)).rejects.toMatchObject({ code: "source_unsigned" });
  });

  /** The signature of one commit on another. */
  async function forge(good: string): Promise<string> {
    const raw = await git("cat-file", "commit", good);
    const other = `${raw.replace("Signed", "Other")}\n`;
    const id = (
      await exec(["git", "-C", project, "hash-object", "-t", "commit", "-w", "--stdin"], { input: other })
    ).stdout.trim();
    await git("update-ref", "refs/heads/main", id);
    return id;
  }
});

describe("a hostile repository", () => {
  test("runs none of its commands", async () => {
    const marker = join(base, "ran");
    const trap = `#!/bin/sh\n: > ${marker}\ncat\n`;
    const id = await commit({
      ...{ "kiln.yaml": "service: shop\n", trap, ".gitattributes": "* filter=evil diff=evil merge=evil\n" },
      ".gitmodules": `[submodule "x"]\n\tpath = x\n\turl = ext::${join(project, "trap")}\n`,
      ".lfsconfig": "[lfs]\n\turl = http://127.0.0.1:1/\n",
    });
    await git("config", "filter.evil.smudge", `sh ${join(project, "trap")}`);
    writeFileSync(join(project, ".git/hooks/post-checkout"), trap, { mode: 0o755 });
    const shop = repository();
    await head(shop);
    await shop.fetch(id, strict);
    await shop.checkOut(id);
    expect(existsSync(marker)).toBe(false);
  });

  test("writes nothing outside of its folder", async () => {
    symlinkSync("/tmp", join(project, "link"));
    const id = await commit({ "kiln.yaml": "service: shop\n" });
    const shop = repository();
    await head(shop);
    await shop.fetch(id, strict);
    await shop.checkOut(id);
    // a tree with `.git/config`, which git itself would not make
    const blob = (
      await exec(["git", "-C", project, "hash-object", "-w", "--stdin"], { input: "[core]\n" })
    ).stdout.trim();
    const inner = await made(`100644 blob ${blob}\tconfig\n`);
    const tree = await made(`040000 tree ${inner}\t.git\n`);
    const evil = await git("commit-tree", tree, "-p", id, "-m", "x");
    await git("update-ref", "refs/heads/main", evil);
    await expect(shop.fetch(evil, strict)).rejects.toMatchObject({ code: "source_unreachable" });
  });

  test("more than a fetch may bring is cut off amid the transfer, and leaves nothing", async () => {
    const first = await commit({ "kiln.yaml": "service: shop\n" });
    const shop = repository({}, 1 << 20);
    await head(shop);
    await shop.fetch(first, strict);
    const huge = await commit({ "video.bin": randomBytes(2 << 20).toString("latin1") });
    await expect(shop.fetch(huge, strict)).rejects.toMatchObject({ code: "source_too_large" });
    expect(existsSync(join(shop.folder, "checkout"))).toBe(false);
    await git("reset", "--quiet", "--hard", first);
    expect((await shop.fetch(first, strict)).commit.id).toBe(first);
  });

  test("a few bytes that stand for more files than there are disks are refused before any is written", async () => {
    let tree = await made(Array.from({ length: 16 }, (_, i) => `100644 blob ${emptyBlob}\tf${i}\n`).join(""));
    for (let depth = 0; depth < 8; depth++)
      tree = await made(Array.from({ length: 16 }, (_, i) => `040000 tree ${tree}\td${i}\n`).join(""));
    const bomb = await git("commit-tree", tree, "-m", "x");
    await git("update-ref", "refs/heads/main", bomb);
    const shop = repository();
    await head(shop);
    await shop.fetch(bomb, strict);
    await expect(shop.checkOut(bomb)).rejects.toMatchObject({ code: "source_too_large" });
    expect(existsSync(join(shop.folder, "checkout/d0"))).toBe(false);
  }, 120_000);

  test("folders count as files do", async () => {
    await made("");
    await git("update-index", "--add", "--cacheinfo", `100644,${emptyBlob},${"d/".repeat(150)}f`);
    let tree = await git("write-tree");
    for (const width of [30, 30])
      tree = await made(Array.from({ length: width }, (_, i) => `040000 tree ${tree}\td${i}\n`).join(""));
    const bomb = await git("commit-tree", tree, "-m", "x");
    await git("update-ref", "refs/heads/main", bomb);
    const shop = repository();
    await head(shop);
    await shop.fetch(bomb, strict);
    await expect(shop.checkOut(bomb)).rejects.toMatchObject({ code: "source_too_large" });
  }, 120_000);

  /** The id of every empty file. */
  const emptyBlob = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";

  async function made(lines: string): Promise<string> {
    await exec(["git", "-C", project, "hash-object", "-w", "--stdin"], { input: "" });
    return (await exec(["git", "-C", project, "mktree"], { input: lines })).stdout.trim();
  }
});
