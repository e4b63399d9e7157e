import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Frontends } from "./kinds.ts";
import type { Order, Taking } from "./worker.ts";

/** Clients of every kind that ask without a pause, in a process of their own. */
export interface Load extends Disposable {
  /** What has ended since the last call, however it ended: nothing is counted twice or not at all. */
  take(): Promise<Taking>;
  /** Nothing new is asked; what is open comes to its end. */
  stop(): Promise<Taking>;
}

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));

/** It ends with the test process, too. */
export function startLoad(frontends: Frontends): Load {
  const child = fork(worker, { execArgv: ["--disable-warning=ExperimentalWarning"] });
  const tell = (order: Order) => child.send(order);
  async function ask(order: Order): Promise<Taking> {
    tell(order);
    const [answer] = await once(child, "message");
    return answer as Taking;
  }
  tell({ kind: "start", frontends });
  return {
    take: () => ask({ kind: "take" }),
    stop: () => ask({ kind: "stop" }),
    [Symbol.dispose]: () => void (child.connected && child.disconnect()),
  };
}
