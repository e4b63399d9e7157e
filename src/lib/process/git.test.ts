import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exec } from "./exec.ts";
import { readHistory } from "./git.ts";

let base: string;
let project: string;

beforeEach(async () => {
  base = mkdtempSync("/tmp/kiln-git-");
  project = join(base, "project");
  await exec(["git", "init", "-q", "-b", "main", project]);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** Times are seconds since 1970. */
async function commit(atSeconds: number): Promise<string> {
  writeFileSync(join(project, "file"), `${atSeconds}`);
  await git("add", ".");
  await exec(["git", "-C", project, ...person, "commit", "-qm", "x", "--date", `@${atSeconds}`], {
    env: { ...process.env, GIT_COMMITTER_DATE: `@${atSeconds} +0200` },
  });
  return (await git("rev-parse", "HEAD")).stdout.trim();
}

const person = ["-c", "user.name=A", "-c", "user.email=a@example.com"] as const;

function git(...args: string[]) {
  return exec(["git", "-C", project, ...person, ...args]);
}

test("the commits after the one that serves, with their times, the branch and the repository", async () => {
  const [first, second, third] = [await commit(1_000), await commit(2_000), await commit(3_000)];
  await git("remote", "add", "origin", "https://ada:s3cret@example.com/shop.git");
  expect(await readHistory(project, { since: first, most: 500 })).toEqual({
    committedAtMs: 3_000_000,
    ref: "refs/heads/main",
    repository: "https://example.com/shop.git",
    commits: [
      { id: third, atMs: 3_000_000 },
      { id: second, atMs: 2_000_000 },
    ],
  });
  expect((await readHistory(project, { since: first, most: 1 }))?.commits).toHaveLength(1);
  expect((await readHistory(project, { since: third, most: 500 }))?.commits).toEqual([]);
  expect((await readHistory(project, { most: 500 }))?.commits).toBeUndefined();
});

test("a commit that the clone does not have, a detached HEAD and a repository without a remote", async () => {
  await commit(1_000);
  await git("checkout", "-q", "--detach");
  expect(await readHistory(project, { since: "ab".repeat(20), most: 500 })).toEqual({
    ...{ committedAtMs: 1_000_000, ref: undefined, repository: undefined, commits: undefined },
  });
});

test("a shallow clone does not claim to know what came in between", async () => {
  const first = await commit(1_000);
  await commit(2_000);
  const second = await commit(3_000);
  const clone = join(base, "clone");
  await exec(["git", "clone", "-q", "--depth", "2", `file://${project}`, clone]);
  expect(await readHistory(clone, { since: first, most: 500 })).toMatchObject({ commits: undefined });
  expect(await readHistory(clone, { since: second, most: 500 })).toMatchObject({ commits: undefined });
});

test("nothing without a commit or a repository", async () => {
  expect(await readHistory(project, { most: 500 })).toBeUndefined();
  expect(await readHistory(base, { most: 500 })).toBeUndefined();
});
