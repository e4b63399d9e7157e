import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "../../lib/process/exec.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { dockerEngine, type Engine } from "./engine.ts";

const startMs = 60_000;

/** Why tests with a real engine cannot run here, or undefined when they can. */
export async function whyNoEngine(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "not root";
  const { code } = await exec(["dockerd", "--version"], { accept: "any" }).catch(() => ({ code: 127 }));
  return code === 0 ? undefined : "dockerd is not installed";
}

/** An engine with data and socket of its own; one that runs on the machine is neither used nor disturbed. */
export class TestEngine implements AsyncDisposable {
  /** There once it was started: tests that are skipped leave nothing. */
  readonly folder = `/tmp/kiln-dk-${randomBytes(3).toString("hex")}`;
  readonly socket = join(this.folder, "docker.sock");
  readonly engine: Engine = dockerEngine(this.socket);
  #daemon: ChildProcess | undefined;

  async start(): Promise<void> {
    const at = (name: string) => join(this.folder, name);
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    writeFileSync(at("daemon.json"), "{}");
    const output = openSync(at("log"), "a", 0o600);
    const daemon = spawn(
      "dockerd",
      [
        ...["--config-file", at("daemon.json"), "--host", `unix://${this.socket}`, "--bridge", "none"],
        ...["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid")],
        ...["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"],
      ],
      { stdio: ["ignore", output, output] },
    );
    closeSync(output);
    this.#daemon = daemon;
    const endMs = Date.now() + startMs;
    while (!(await this.#answers())) {
      if (Date.now() > endMs || daemon.exitCode !== null) throw new Error(readFileSync(at("log"), "utf8"));
      await systemClock.sleep(50);
    }
  }

  /** As `systemctl stop` does: without live-restore, all containers end. */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null) return;
    this.resume();
    daemon.kill("SIGTERM");
    await once(daemon, "exit");
  }

  /** It accepts connections and answers nothing, until `resume`. */
  pause(): void {
    this.#daemon?.kill("SIGSTOP");
  }

  resume(): void {
    this.#daemon?.kill("SIGCONT");
  }

  async #answers(): Promise<boolean> {
    try {
      await this.engine.version(AbortSignal.timeout(5_000));
      return true;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    // Its graph driver may leave its folder mounted on itself.
    await exec(["umount", "--recursive", join(this.folder, "data")], { accept: "any" });
    rmSync(this.folder, { recursive: true, force: true });
  }
}
