import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { cleanEnvironment, proxiesOf } from "../../lib/process/environment.ts";
import type { Context } from "../context.ts";

const script = fileURLToPath(new URL("../../../scripts/ensure.sh", import.meta.url));

/**
 * Installs the Debian packages of `scripts/system-packages.txt` whose programs are missing, and shows the progress.
 * Throws `tool_missing` when that fails, and `cancelled` on Ctrl-C, after all its processes have ended: apt-get waits
 * for a running dpkg.
 */
export async function installSystemPackages({ env, output, signal }: Context): Promise<void> {
  if (signal.aborted) throw cancelled();
  const voice = output.json ? "ignore" : 2;
  // In its own process group, so that one signal reaches all processes.
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
    hint: `\`sh ${script} --system\` shows the errors.`,
  });
}

function cancelled(): KilnError {
  return new KilnError("cancelled", "Installing system packages was cancelled.", {
    hint: "Repeat the command: installed packages stay, and it completes the rest.",
  });
}

/** As Ctrl-C does; apt-get lets a running dpkg finish. */
function interruptGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGINT");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error; // it has already ended
  }
}
