import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { KilnError } from "../../lib/errors.ts";
import { readExactly } from "../../lib/files/read-inside.ts";
import { namesIn } from "../../lib/files/temporary.ts";
import { cleanEnvironment } from "../../lib/process/environment.ts";
import { isProcessAlive } from "../../lib/process/proc.ts";
import type { Call } from "../contract/call.ts";
import { errorIn } from "./words.ts";

/** Where and as whom Terraform runs. */
export interface Workplace {
  /** Absolute path of `terraform` or `tofu`. */
  readonly program: string;
  /** A folder with `groups/`, `plugins/` and `home/`: what Terraform sees of the state folder, as `/mnt`. */
  readonly work: string;
  /** Output and locks of runs, for root alone. */
  readonly runs: string;
  readonly user: { readonly uid: number; readonly gid: number };
  /** Credentials and the like, on top of what every run has. */
  readonly env: Readonly<Record<string, string>>;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
}

const mostOutputBytes = 64 << 20;
/** Commands that change nothing are asked to end after this long. */
const readTimeoutMs = 10 * 60_000;
const lockSeconds = 3600;

/**
 * The state folder is root's alone, and a module's programs are not root's: they see its groups below /mnt, in a mount namespace
 * of the run.
 */
const inside = 'mount --bind "$1" /mnt && cd "/mnt/groups/$2" && shift 2 && exec "$@"';

/**
 * Runs Terraform in the folder of a group, in a process of its own that outlives the controller and is never killed: what it makes
 * would be lost from its state. One run at a time for each group, also when a former controller began it. When the call is
 * cancelled, the run continues unheard. Throws `terraform_failed`, with Terraform's own words, for any exit code but 0 and `accept`.
 */
export async function runTerraform(
  place: Workplace,
  group: string,
  args: readonly string[],
  { signal }: Pick<Call, "signal">,
  accept: readonly number[] = [],
): Promise<RunResult> {
  signal.throwIfAborted();
  mkdirSync(place.runs, { recursive: true, mode: 0o700 });
  const output = join(realpathSync(place.runs), `${process.pid}.${randomBytes(6).toString("hex")}.${group}`);
  try {
    const code = await untilExit(launch(place, group, args, output), args, signal);
    const stdout = readExactly(`${output}.out`, mostOutputBytes).toString();
    if (code === 0 || accept.includes(code)) return { code, stdout };
    throw failed(args[0] ?? "", errorIn(readExactly(`${output}.err`, mostOutputBytes).toString(), place.env));
  } finally {
    // A run that continues keeps writing to the files that it has open.
    for (const end of ["out", "err"]) rmSync(`${output}.${end}`, { force: true });
  }
}

/** Removes the output of runs that a controller has not read before it was killed: it may show a whole state. */
export function sweepOutput(runs: string): void {
  for (const name of namesIn(runs)) {
    const [, pid] = /^(\d+)\..*\.(out|err)$/.exec(name) ?? [];
    if (pid !== undefined && !isProcessAlive(Number(pid))) rmSync(join(runs, name), { force: true });
  }
}

function launch(place: Workplace, group: string, args: readonly string[], output: string) {
  const { program, work, runs, user, env } = place;
  const files = [".out", ".err"].map((end) => openSync(output + end, "wx", 0o600));
  try {
    const lock = ["--close", "--wait", String(lockSeconds), join(runs, `${group}.lock`)];
    const apart = ["unshare", "--mount", "--", "sh", "-c", inside, "sh", work, group];
    return spawn("flock", [...lock, ...apart, ...asUser(user), program, ...args], {
      ...{ cwd: "/", detached: true, stdio: ["ignore", ...files] },
      env: { ...cleanEnvironment, ...terraformEnvironment, ...env },
    });
  } finally {
    for (const file of files) closeSync(file);
  }
}

const terraformEnvironment = {
  HOME: "/mnt/home",
  TF_DATA_DIR: "state/data",
  TF_PLUGIN_CACHE_DIR: "/mnt/plugins",
  TF_IN_AUTOMATION: "1",
  TF_INPUT: "0",
  CHECKPOINT_DISABLE: "1",
};

/** An administrator may name root: then the module's programs have root's rights. */
function asUser({ uid, gid }: Workplace["user"]): readonly string[] {
  if (uid === 0) return [];
  const ids = [
    "--reuid",
    String(uid),
    "--regid",
    String(gid),
    uid === 65_534 ? "--clear-groups" : "--init-groups",
  ];
  return ["setpriv", ...ids, "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"];
}

function untilExit(
  child: ReturnType<typeof launch>,
  [command = ""]: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  child.unref();
  return new Promise((resolve, reject) => {
    const changes = command === "apply";
    const timer = changes ? undefined : setTimeout(() => interrupt(child.pid), readTimeoutMs);
    const onAbort = () => {
      done();
      reject(
        new KilnError("cancelled", `The call was cancelled; \`terraform ${command}\` runs on.`, {
          retry: true,
        }),
      );
    };
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    child.on("error", (error) => {
      done();
      reject(error);
    });
    child.on("exit", (code) => {
      done();
      resolve(code ?? 128);
    });
  });
}

/** SIGINT asks Terraform to stop once what is under way is finished. */
function interrupt(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGINT");
  } catch {} // it has ended by itself
}

function failed(command: string, words: string): KilnError {
  return new KilnError("terraform_failed", `\`terraform ${command}\` failed: ${words}`, {
    retry: true,
    hint: "Terraform's own words are above; `kiln target show NAME` checks the program, the module and the credentials' file.",
  });
}
