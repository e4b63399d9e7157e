import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exec } from "../lib/process/exec.ts";
import { readCheckout, readHistory } from "../lib/process/git.ts";
import { originOf } from "./deploy/origin.ts";

/** A repository whose owner wants visitors to run a command. */
let base: string;
let project: string;
let marker: string;
let trap: string;

beforeEach(async () => {
  base = mkdtempSync("/tmp/kiln-hostile-");
  project = join(base, "project");
  marker = join(base, "ran");
  trap = join(base, "trap");
  mkdirSync(project);
  write("../trap", `#!/bin/sh\n: > ${marker}\ncat\n`);
  chmodSync(trap, 0o755);
  await git("init", "-q", "-b", "main");
  write("kiln.yaml", "service: shop\n");
  await git("add", ".");
  await git("commit", "-qm", "x");
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function write(name: string, text: string): void {
  const path = join(project, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const person = ["-c", "user.name=A", "-c", "user.email=a@example.com"] as const;

function git(...args: string[]) {
  return exec(["git", "-C", project, ...person, ...args]);
}

/** All that Kiln asks of git, and whether a command of the repository was run by it. */
async function look(folder = project) {
  const state = await readCheckout(folder);
  const history = await readHistory(folder, { since: "0".repeat(40), most: 10 });
  const { origin } = await originOf(folder, state, undefined, {});
  return { ran: existsSync(marker), state, origin, history };
}

describe("no setting of the repository makes its commands run", () => {
  test.each([
    "core.fsmonitor",
    "core.pager",
    "core.sshCommand",
    "core.editor",
    "core.askPass",
    "core.gitProxy",
    "diff.external",
    "gpg.program",
    "credential.helper",
    "uploadpack.packObjectsHook",
    "alias.status",
    "pager.ls-files",
  ])("%s", async (setting) => {
    await git("config", setting, trap);
    await git("config", "log.showSignature", "true");
    write("kiln.yaml", "service: shop2\n");
    write("new", "");
    expect(await look()).toMatchObject({ ran: false, state: { dirty: true }, origin: { dirty: true } });
  });

  test("included from another file", async () => {
    writeFileSync(join(base, "more"), `[core]\n\tfsmonitor = ${trap}\n`);
    await git("config", "include.path", join(base, "more"));
    expect(await look()).toMatchObject({ ran: false, state: { dirty: false } });
  });

  test.each(["clean", "process"])("a filter's %s", async (kind) => {
    write(".gitattributes", "* filter=evil diff=evil\n");
    await git("add", ".");
    await git("commit", "-qm", "y");
    await git("config", `filter.evil.${kind}`, trap);
    await git("config", "filter.evil.required", "true");
    await git("config", "diff.evil.textconv", trap);
    write("kiln.yaml", "service: sho2\n");
    const { ran, state, origin } = await look();
    expect(ran).toBe(false);
    expect(state?.dirty).toBe("unknown"); // what the filter would make of it is not known
    expect(origin?.dirty).toBeUndefined();
  });

  test("hooks", async () => {
    for (const hook of [
      "post-index-change",
      "reference-transaction",
      "post-checkout",
      "fsmonitor-watchman",
    ]) {
      write(`.git/hooks/${hook}`, `#!/bin/sh\n: > ${marker}\n`);
      chmodSync(join(project, ".git/hooks", hook), 0o755);
    }
    write("kiln.yaml", "service: shop\n"); // the index knows another time of it
    expect(await look()).toMatchObject({ ran: false, state: { dirty: false } });
  });

  test("an object that is missing, to be fetched by a command", async () => {
    await git("config", "core.repositoryFormatVersion", "1");
    await git("config", "extensions.partialClone", "origin");
    await git("config", "remote.origin.promisor", "true");
    await git("config", "remote.origin.url", `ext::${trap} %S`);
    await git("config", "protocol.ext.allow", "always");
    const tree = (await git("rev-parse", "HEAD^{tree}")).stdout.trim();
    rmSync(join(project, ".git/objects", tree.slice(0, 2), tree.slice(2)));
    const { ran, state } = await look();
    expect({ ran, dirty: state?.dirty }).toEqual({ ran: false, dirty: "unknown" });
  });

  test("a bare repository among its files", async () => {
    const bare = join(project, "folder");
    mkdirSync(join(bare, "objects"), { recursive: true });
    write("folder/HEAD", "ref: refs/heads/main\n");
    write("folder/refs/heads/none", "");
    write("folder/config", `[core]\n\tbare = false\n\tworktree = .\n\tfsmonitor = ${trap}\n`);
    await exec(["cp", "-r", join(project, ".git/objects"), bare]);
    await exec(["cp", "-r", join(project, ".git/refs"), bare]);
    await exec(["cp", join(project, ".git/index"), bare]);
    expect(await look(bare)).toEqual({
      ...{ ran: false, state: undefined, origin: undefined, history: undefined },
    });
  });

  test.runIf(process.getuid?.() === 0)("in a folder of another user's, git is that user", async () => {
    await exec(["chown", "-R", "65534:65534", project]);
    chownSync(base, 65534, 65534);
    chmodSync(base, 0o755);
    expect(await look()).toMatchObject({ state: { dirty: false }, origin: { dirty: false } });
  });
});
