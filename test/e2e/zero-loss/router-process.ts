import { join } from "node:path";
import { connect } from "node:tls";
import { type Processes, parseProcesses } from "../../../src/router/haproxy/process/replies.ts";
import { ask } from "../../../src/router/haproxy/process/socket.ts";
import { waitUntil } from "../harness.ts";

const settleMs = 60_000;

/** As an administrator or an upgrade of HAProxy does it (Management Guide, section 4): its master starts itself again. */
export async function restartRouter(home: string): Promise<void> {
  const { master, worker } = await running(home);
  process.kill(master, "SIGUSR2");
  await untilAnotherWorker(home, worker);
}

/** Its worker is killed; resolves when the controller has started it again. */
export async function killRouter(home: string): Promise<void> {
  const { worker } = await running(home);
  if (worker === undefined) throw new Error("the router has no worker");
  process.kill(worker, "SIGKILL");
  await untilAnotherWorker(home, worker);
}

async function untilAnotherWorker(home: string, before: number | undefined): Promise<void> {
  const isThere = async () => {
    const now = await look(home);
    return now?.worker !== undefined && now.worker !== before;
  };
  await waitUntil(isThere, settleMs, "the router has another worker");
}

async function running(home: string): Promise<Processes> {
  const found = await look(home);
  if (found === undefined) throw new Error("a router runs");
  return found;
}

async function look(home: string): Promise<Processes | undefined> {
  const reply = await ask(join(home, "router/master.sock"), ["show proc"], AbortSignal.timeout(settleMs));
  return parseProcesses(reply ?? "");
}

/** The number of the certificate that clients are shown. */
export function serialAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.end();
    });
    socket.once("error", reject);
  });
}
