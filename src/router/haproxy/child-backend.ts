import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Target } from "../router.ts";
import { target } from "./fixtures.ts";

/** A server in a process of its own, for tests that stop or kill it. */
export interface ChildBackend extends AsyncDisposable {
  readonly id: string;
  readonly target: Target;
  readonly signal: (signal: "SIGSTOP" | "SIGCONT" | "SIGKILL") => void;
}

/** `/500` is answered with that status; all else with 200. It ends with the test process. */
export async function childBackend(id: string): Promise<ChildBackend> {
  const script = `
    const server = require("node:http").createServer((q, s) => {
      s.statusCode = q.url === "/500" ? 500 : 200;
      q.resume().on("end", () => setTimeout(() => s.end(JSON.stringify({ id: ${JSON.stringify(id)} })), 5));
    });
    server.listen(0, "127.0.0.1", () => process.send(server.address().port));
    process.on("disconnect", () => process.exit());`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [port] = await once(child, "message");
  return {
    id,
    target: target(id, port as number),
    signal: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
