import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { cleanEnvironment, proxiesOf } from "../lib/environment.ts";
import { isErrno, KilnError } from "../lib/errors.ts";
import type { Context } from "./context.ts";

const script = fileURLToPath(new URL("../../scripts/ensure.sh", import.meta.url));

/**
 * Installs the Debian packages of `scripts/system-packages.txt` whose programs are missing, and shows what it does. Throws
 * `tool_missing` when that fails, and `cancelled` on Ctrl-C, once nothing of it runs any more: a dpkg that has begun is not
 * cut short, as apt-get waits for it.
 */
export async function installSystemPackages({ env, output, signal }: Context): Promise<void> {
  if (signal.aborted) throw cancelled();
  const voice = output.json ? "ignore" : 2;
  // In a process group of its own, so that one signal reaches all of it.
  const child = spawn("sh", [script, "--production", "--system"], {
    env: { ...cleanEnvironment, ...proxiesOf(env) },
    stdio: ["ignore", voice, voice],
    detached: true,
  });
  const interrupt = () => interruptGroup(child.pid);
  signal.addEventListener("abort", interrupt, { once: true });
  const [code] = await once(child, "close").finally(() => signal.removeEventListener("abort", interrupt));
  if (signal.aborted) throw cancelled();
  if (code === 0) return;
  throw new KilnError("tool_missing", "The system packages that Kiln needs could not be installed.", {
    hint: `Look at what \`sh ${script} --system\` says.`,
  });
}

function cancelled(): KilnError {
  return new KilnError("cancelled", "Installing system packages was cancelled.", {
    hint: "Repeat it: what has been installed is kept, and what was begun is completed.",
  });
}

/** As Ctrl-C does; apt-get lets a dpkg that runs come to its end. */
function interruptGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGINT");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error; // it has ended by itself
  }
}
