import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Upstream } from "../../router.ts";
import { upstream } from "./fixtures.ts";

/** A server in a process of its own, for tests that stop or kill it. */
export interface ChildBackend extends AsyncDisposable {
  readonly id: string;
  readonly upstream: Upstream;
  readonly signal: (signal: "SIGSTOP" | "SIGCONT" | "SIGKILL") => void;
  readonly isAlive: () => boolean;
}

/** `/500` is answered with that status, `/poison` not at all: it ends the server. All else with 200. It ends with the test process. */
export async function childBackend(id: string): Promise<ChildBackend> {
  const script = `
    const server = require("node:http").createServer((q, s) => {
      if (q.url === "/poison") process.kill(process.pid, "SIGKILL");
      s.statusCode = q.url === "/500" ? 500 : 200;
      q.resume().on("end", () => setTimeout(() => s.end(JSON.stringify({ id: ${JSON.stringify(id)} })), 5));
    });
    server.listen(0, "127.0.0.1", () => process.send(server.address().port));
    process.on("disconnect", () => process.exit());`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [port] = await once(child, "message");
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  return {
    id,
    upstream: upstream(id, port as number),
    signal: (signal) => child.kill(signal),
    isAlive,
    async [Symbol.asyncDispose]() {
      if (!isAlive()) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
