import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { exec } from "../lib/process/exec.ts";

/** A program that needs nothing of an image, so that a scratch image can be run. */
export async function staticProgram(to: string): Promise<void> {
  const source = `${to}.c`;
  writeFileSync(source, '#include <stdio.h>\nint main(void) { puts("hello from kiln"); return 7; }\n');
  await exec(["gcc", "-static", "-Os", "-o", to, source]);
  rmSync(source);
}

/** A Docker daemon of our own that touches nothing of the machine's. */
export async function startDocker(folder: string) {
  const socket = `unix://${folder}/docker.sock`;
  const places = [
    "--data-root",
    `${folder}/data`,
    "--exec-root",
    `${folder}/exec`,
    "--pidfile",
    `${folder}/pid`,
  ];
  const network = ["--bridge", "none", "--iptables=false", "--ip-masq=false"];
  const args = [...places, ...network, "-H", socket, "--storage-driver", "vfs"];
  const daemon = spawn("dockerd", args, { stdio: "ignore" });
  const run = (argv: readonly string[]) =>
    exec(["docker", "-H", socket, ...argv], { accept: "any", timeoutMs: 60_000 });
  await expect.poll(async () => (await run(["version"])).code, { timeout: 30_000, interval: 100 }).toBe(0);
  return {
    run,
    async [Symbol.asyncDispose]() {
      daemon.kill("SIGTERM");
      await once(daemon, "exit");
    },
  };
}
