import { spawn } from "node:child_process";
import { once } from "node:events";

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
  });
  child.stdout.setEncoding("latin1");
  child.stdout.on("data", read);
  const gone = once(child, "close").catch(() => {});
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
