import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { cleanEnvironment } from "../../lib/process/environment.ts";

export interface TraceReader extends AsyncDisposable {
  /** The process that reads, of ours. */
  readonly pid: number | undefined;
}

/**
 * Gives what comes out of `pipe` to `read`. A read of it waits in the kernel until something happens, which would hold
 * one of the few threads of this process: so a child does it, that ends with this process, however that ends.
 */
export function readTrace(pipe: string, read: (chunk: string) => void, ended: () => void): TraceReader {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "cat", pipe], {
    stdio: ["ignore", "pipe", "ignore"],
    env: cleanEnvironment,
  });
  const gone = once(child, "close").catch(() => {});
  // Not even a pipe is there where no file descriptor was left to give.
  if (child.pid !== undefined) {
    beFast(child.pid);
    child.stdout.setEncoding("latin1");
    child.stdout.on("data", read);
  }
  let closing = false;
  void gone.then(() => {
    if (!closing) ended();
  });
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      closing = true;
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** It does next to nothing, but must not wait for its turn on a machine that has much to do. */
function beFast(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_HIGHEST);
  } catch {
    // not allowed here: then it waits
  }
}
