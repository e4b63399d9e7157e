import { expect, test } from "vitest";
import { exec } from "../../lib/process/exec.ts";
import { readCheckout } from "../../lib/process/git.ts";
import { workshop } from "../test-kit.ts";
import { chooseVersion, gitState } from "./version.ts";

const digest = `sha256:${"ab".repeat(32)}`;
const other = `sha256:${"cd".repeat(32)}`;
const question = { service: "shop", wanted: undefined, git: undefined, digest, given: {} };

test("the version identifies the content of the image", () => {
  const git = { name: "v1", dirty: false };
  expect(chooseVersion({ ...question, wanted: "2.0", git })).toBe("2.0");
  expect(chooseVersion({ ...question, git })).toBe("v1");
  expect(chooseVersion({ ...question, git: { ...git, dirty: true } })).toBe("v1-abababab");
  expect(chooseVersion({ ...question, git: { ...git, dirty: "unknown" } })).toBe("v1-abababab");
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
  const state = async () => {
    const checkout = await readCheckout(shop.project);
    return checkout && gitState(checkout);
  };
  expect(await state()).toBeUndefined();
  await git("init", "-q");
  expect(await state()).toBeUndefined();
  shop.write("a", "1");
  await git("add", "a");
  await git("commit", "-qm", "x");
  expect(await state()).toMatchObject({ name: expect.stringMatching(/^[0-9a-f]{12}$/), dirty: false });
  await git("tag", "v1.0");
  await git("tag", "release/0.8");
  await git("tag", "-a", "-m", "x", "v0.9");
  shop.write("b", "untracked");
  expect(await state()).toEqual({ name: "v1.0", dirty: true });
  await git("tag", "-a", "-m", "x", "v1.10");
  expect(await state()).toEqual({ name: "v1.10", dirty: true });
});
