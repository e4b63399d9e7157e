import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanEnvironment } from "../../lib/process/environment.ts";
import { confinedVariable } from "../deploy/confined-variable.ts";

/** The composition root, relative to this file. */
const entry = fileURLToPath(new URL("../../main.ts", import.meta.url));
/** The CLI's, which the controller runs to deploy what a git repository has. */
const cliEntry = fileURLToPath(new URL("../main.ts", import.meta.url));
const packages = fileURLToPath(new URL("../../../node_modules", import.meta.url));

/**
 * Memory before speed: otherwise a controller that waits for weeks keeps the memory that one rollout took. The young
 * generation (in MiB) is three times 16 by default. Together the flags halve the memory after deploying 100 servers. One thread
 * of V8's own marks the heap in half the CPU time of the default four.
 */
const memoryFlags = ["--max-semi-space-size=2", "--optimize-for-size", "--v8-pool-size=1"];

/**
 * mallopt(3), in bytes. Otherwise each thread has a heap of its own and keeps the most it ever used, 20 MiB in all; and glibc
 * raises both thresholds with what is freed, so that the one heap keeps 10 MiB between the blocks that V8's compilers return.
 * Those have 32 KiB.
 */
const returnMemory = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: `${32 * 1024}`,
  MALLOC_TRIM_THRESHOLD_: `${128 * 1024}`,
};

/** How the controller's program is started: `argv[0]` is the Node.js that runs this command. */
export function controllerArgv(...args: readonly string[]): readonly [string, ...string[]] {
  return [process.execPath, "--disable-warning=ExperimentalWarning", ...memoryFlags, entry, ...args];
}

/** How the controller runs a command of the CLI: with less urgency than its own work. */
export function commandArgv(...args: readonly string[]): readonly [string, ...string[]] {
  return ["nice", "-n", "10", process.execPath, "--disable-warning=ExperimentalWarning", cliEntry, ...args];
}

/** The environment of such a command: what it deploys comes from elsewhere. */
export function commandEnv(home: string): Record<string, string> {
  return { ...controllerEnv(home), [confinedVariable]: "1" };
}

/**
 * The controller's environment: nothing of the caller's. It runs as root and for months, so a user's or a project's
 * environment must not choose what it loads, runs or trusts.
 */
export function controllerEnv(home: string): Record<string, string> {
  return { ...cleanEnvironment, ...returnMemory, KILN_HOME: home, ...compileCache() };
}

/** As in the launcher: inside the checkout when this user may write there, else none; never where others can write. */
function compileCache(): Record<string, string> {
  try {
    accessSync(packages, constants.W_OK);
    return { NODE_COMPILE_CACHE: join(packages, ".cache/kiln") };
  } catch {
    return { NODE_DISABLE_COMPILE_CACHE: "1" };
  }
}
