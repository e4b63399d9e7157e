import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { KilnError } from "../../../lib/errors.ts";
import { silentLog } from "../../../lib/log.ts";
import { exec } from "../../../lib/process/exec.ts";
import { openStateFolder, type StateFolder } from "../../../lib/state-folder.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import type { NewestSecret } from "../../certificate.ts";
import type { Router } from "../../router.ts";
import { haproxyRouter } from "../haproxy-router.ts";
import { type Processes, parseProcesses } from "./replies.ts";
import { ask } from "./socket.ts";

/** A router with a state folder of its own, for tests; HAProxy ends with it, and with the test process. */
export interface Installation extends AsyncDisposable {
  readonly state: StateFolder;
  readonly router: Router;
  /** The values of secrets, by `SERVICE NAME`. */
  readonly secrets: Map<string, string>;
  /** Another router on the same state folder, as a new controller would make. */
  readonly another: () => Router;
}

export async function installation(): Promise<Installation> {
  const home = await mkdtemp("/tmp/kiln-");
  const state = openStateFolder({ KILN_HOME: home });
  const secrets = new Map<string, string>();
  const secret: NewestSecret = async (service, name) => {
    const value = secrets.get(`${service} ${name}`);
    if (value === undefined) throw new KilnError("secret_missing", `${service} lacks the secret ${name}.`);
    return Buffer.from(value);
  };
  const another = () => haproxyRouter({ state, clock: systemClock, log: silentLog, secret });
  const router = another();
  const guard = spawn("sh", ["-c", guardScript, "sh", home], { stdio: ["pipe", "ignore", "ignore"] });
  return {
    state,
    secrets,
    router,
    another,
    async [Symbol.asyncDispose]() {
      await router.stop({ signal: AbortSignal.timeout(20_000) });
      guard.kill("SIGKILL");
      guard.stdin.destroy();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Ends the HAProxy of this state folder when the test process goes away without having done so. */
const guardScript = `
  cat >/dev/null
  for process in /proc/[0-9]*; do
    grep -q "$1/router/haproxy.cfg" $process/cmdline && kill -9 "\${process#/proc/}"
  done
  rm -rf "$1"`;

/** Why the tests with a real HAProxy can't run here; undefined when they can. */
export async function missingHaproxy(): Promise<string | undefined> {
  const found = await exec(["haproxy", "-v"]).catch((error: Error) => error.message);
  return typeof found === "string" ? found : undefined;
}

/** The processes of the HAProxy whose files are in this folder. */
async function processesIn(folder: string): Promise<Processes> {
  const signal = AbortSignal.timeout(10_000);
  const found = parseProcesses((await ask(`${folder}/master.sock`, ["show proc"], signal)) ?? "");
  if (!found) throw new Error("HAProxy does not run");
  return found;
}

/** The process that takes connections: another one after a reload. */
export async function workerOf(folder: string): Promise<number | undefined> {
  return (await processesIn(folder)).worker;
}

export async function killMaster(folder: string): Promise<void> {
  process.kill((await processesIn(folder)).master, "SIGKILL");
}
