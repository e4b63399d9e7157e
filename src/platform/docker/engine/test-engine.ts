import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "../../../lib/process/exec.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import { waitUntil } from "../../../lib/time/wait-until.ts";
import { readMountPoints, unmount } from "../../linux/mounts.ts";
import { killNow } from "../../linux/processes.ts";
import { engineInfo } from "./answers.ts";
import { dockerEngine, type Engine } from "./engine.ts";

const startMs = 60_000;
/** The engine gives its containers 15 s to end. */
const stopMs = 60_000;

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
  /** Engines of one machine do not know of each other's networks: each has a range of its own, below the one that Kiln takes its own from. */
  readonly #pool = `10.${randomInt(128, 192)}.0.0/16`;
  #daemon: ChildProcess | undefined;
  #keeps = false;

  async start(): Promise<void> {
    const at = (name: string) => join(this.folder, name);
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#configure();
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
      if (Date.now() > endMs || hasEnded(daemon)) throw new Error(readFileSync(at("log"), "utf8"));
      await systemClock.sleep(50);
    }
  }

  #configure(): void {
    const config = { "live-restore": this.#keeps, "default-address-pools": [{ base: this.#pool, size: 24 }] };
    writeFileSync(join(this.folder, "daemon.json"), JSON.stringify(config));
  }

  /** Whether its containers outlive it (live-restore), from now on. */
  async keepContainers(keeps: boolean): Promise<void> {
    this.#keeps = keeps;
    this.#configure();
    this.#daemon?.kill("SIGHUP");
    const signal = AbortSignal.timeout(startMs);
    const isSo = async () =>
      (await this.engine.read({ path: "/info", signal }, engineInfo))?.LiveRestoreEnabled === keeps;
    while (!(await isSo())) await systemClock.sleep(50);
  }

  /**
   * As `systemctl stop` does: without live-restore, all containers end. An engine that does not end in time is killed. While it ends it may still mount the
   * root of a container that it was just asked for, and leave it mounted; that container could never be removed. So all mounts go, as an
   * administrator would see to it.
   */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    this.#daemon = undefined;
    const ended = () => hasEnded(daemon);
    daemon.kill("SIGCONT");
    daemon.kill("SIGTERM");
    if (!(await waitUntil(systemClock, stopMs, ended))) await this.#kill(daemon);
    if (this.#keeps) return;
    for (const point of this.#mounts().toReversed()) await unmount(point);
  }

  /** With containerd and its shims, which outlive it: each has the folder in its command line. */
  async #kill(daemon: ChildProcess): Promise<void> {
    daemon.kill("SIGKILL");
    const { stdout } = await exec(["pgrep", "--full", `${this.folder}/`], { accept: "any" });
    for (const pid of stdout.split("\n").filter((line) => line !== "")) killNow(Number(pid));
    await waitUntil(systemClock, stopMs, () => hasEnded(daemon));
  }

  /** In the order in which they were made: the last one hides those before it. */
  #mounts(): readonly string[] {
    return readMountPoints().filter((point) => point.startsWith(`${this.folder}/`));
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
      await this.engine.send({ path: "/_ping", signal: AbortSignal.timeout(5_000) });
      return true;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#keeps) {
      if (this.#daemon === undefined) await this.start();
      await this.keepContainers(false);
    }
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
