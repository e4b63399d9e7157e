import { type ChildProcess, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../src/lib/process/exec.ts";
import { freePort } from "../../src/lib/testing.ts";
import type { Installation } from "./harness.ts";

const person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"] as const;

/** A server of git repositories on this machine, and one repository that a working folder pushes to. */
export async function gitServer(kiln: Installation, folder: string) {
  const root = join(kiln.home, "../repositories");
  const port = await freePort();
  const git = async (...args: readonly string[]) =>
    (await exec(["git", "-C", folder, ...person, ...args])).stdout.trim();
  await mkdir(root);
  await exec(["git", "init", "-q", "--bare", "-b", "main", join(root, "shop.git")]);
  await git("init", "-q", "-b", "main");
  const programs = (await exec(["git", "--exec-path"])).stdout.trim();
  const where = ["--listen=127.0.0.1", `--port=${port}`, "--reuseaddr", `--base-path=${root}`];
  const start = () =>
    spawn(join(programs, "git-daemon"), [...where, "--export-all", root], { stdio: "ignore" });
  let server = start();
  return {
    url: `git://127.0.0.1:${port}/shop.git`,
    push: async (subject: string) => {
      await git("add", "--all");
      await git("commit", "--quiet", "--message", subject);
      await git("push", "--quiet", join(root, "shop.git"), "HEAD:main");
      return git("rev-parse", "HEAD");
    },
    stop: () => ended(server),
    start: () => {
      server = start();
    },
    [Symbol.asyncDispose]: () => ended(server),
  };
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const end = new Promise((resolve) => server.once("close", resolve));
  server.kill("SIGKILL");
  await end;
}
