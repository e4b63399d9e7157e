import { expect, test } from "vitest";
import { exec } from "../lib/exec.ts";
import { workshop } from "./test-kit.ts";
import { chooseVersion, parseGitState, readGitState } from "./version.ts";

const digest = `sha256:${"ab".repeat(32)}`;
const other = `sha256:${"cd".repeat(32)}`;
const question = { service: "shop", wanted: undefined, git: undefined, digest, given: {} };
const commit = `# branch.oid ${"1".repeat(40)}\n# branch.head main\n`;

test("git's words", () => {
  expect(parseGitState(commit, "")).toEqual({ name: "111111111111", dirty: false });
  expect(parseGitState(commit, "release/1.2\nv1\n")).toEqual({ name: "release-1.2", dirty: false });
  expect(parseGitState(`${commit}? new.txt\n`, "v1")).toEqual({ name: "v1", dirty: true });
  expect(parseGitState("# branch.oid (initial)\n", "")).toBeUndefined();
});

test("the version tells what is in the image", () => {
  const git = { name: "v1", dirty: false };
  expect(chooseVersion({ ...question, wanted: "2.0", git })).toBe("2.0");
  expect(chooseVersion({ ...question, git })).toBe("v1");
  expect(chooseVersion({ ...question, git: { ...git, dirty: true } })).toBe("v1-abababab");
  expect(chooseVersion({ ...question, git, given: { "shop:v1": other } })).toBe("v1-abababab");
  expect(chooseVersion({ ...question, git, given: { "shop:v1": digest } })).toBe("v1");
});

test("without git, a number per service; the same image keeps its own", () => {
  const given = { "shop:1": other, "shop:x": other, "shop:12": other, "shops:40": digest };
  expect(chooseVersion(question)).toBe("1");
  expect(chooseVersion({ ...question, given })).toBe("13");
  expect(chooseVersion({ ...question, given: { ...given, "shop:3": digest } })).toBe("3");
});

test("a real repository", async () => {
  using shop = workshop();
  const git = (...args: string[]) =>
    exec(["git", "-C", shop.project, "-c", "user.name=A", "-c", "user.email=a@example.com", ...args]);
  const state = () => readGitState(shop.project, new AbortController().signal);
  expect(await state()).toBeUndefined();
  await git("init", "-q");
  expect(await state()).toBeUndefined();
  shop.write("a", "1");
  await git("add", "a");
  await git("commit", "-qm", "x");
  expect(await state()).toMatchObject({ name: expect.stringMatching(/^[0-9a-f]{12}$/), dirty: false });
  await git("tag", "v1.0");
  shop.write("b", "untracked");
  expect(await state()).toEqual({ name: "v1.0", dirty: true });
});
