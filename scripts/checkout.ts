import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { exec } from "../src/lib/process/exec.ts";
import { isNeeded } from "../src/lib/runtime-files.ts";

/** The checkout that packages are made of. */

export const checkout = resolve(import.meta.dirname, "..");

export function inCheckout(path: string): string {
  return readFileSync(join(checkout, path), "utf8");
}

export const { version, description } = JSON.parse(inCheckout("package.json")) as {
  readonly version: string;
  readonly description: string;
};

export async function git(...args: readonly string[]): Promise<string> {
  const safe = `safe.directory=${checkout}`; // a checkout of another user's is packaged by root, too
  return (await exec(["git", "-c", safe, "-C", checkout, ...args])).stdout;
}

/** What the commit says: nothing of a package comes from the machine or the moment at which it is made. */
export async function identityOf() {
  const [commit = "", seconds = ""] = (await git("log", "-1", "--format=%H %ct")).trim().split(" ");
  const committedAt = new Date(Number(seconds) * 1000);
  const isReleased = (await git("tag", "--points-at", "HEAD")).split("\n").includes(`v${version}`);
  const isChanged = (await git("status", "--porcelain", "--untracked-files=no")) !== "";
  return { commit, committedAt, isReleased, isChanged };
}

/** Whether a tracked file is executable: git keeps that, whatever the umask. */
export function isProgram(path: string): boolean {
  return (statSync(join(checkout, path)).mode & 0o100) !== 0;
}

/** Below `root`, where a package's files are put together. */
export function put(root: string, path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

/** What is needed of an npm package that is at this path of the checkout. A package below another one is in the lock file itself. */
export function copyPackage(folder: string, to: string): void {
  const isNested = (path: string) =>
    path.slice(checkout.length + 1 + folder.length).includes("/node_modules");
  const filter = (path: string) => isNeeded(path.slice(checkout.length + 1)) && !isNested(path);
  cpSync(join(checkout, folder), join(to, folder), { recursive: true, filter });
}
