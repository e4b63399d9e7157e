import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { KilnError } from "../../lib/errors.ts";
import { cleanEnvironment } from "../../lib/process/environment.ts";

/** What the load generator requests, and the pages that count as an answer. */
export interface LoadOrder {
  readonly url: string;
  readonly pages: readonly string[];
}

/** A request is served when an expected page came back complete; every other result is a loss. */
export interface LoadCounts {
  readonly served: number;
  readonly lost: number;
  /** The first few losses in words. */
  readonly losses: readonly string[];
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** A running load generator. It ends with its owner. */
export interface ClientLoad extends Disposable {
  /** What has happened since the last call. */
  take(): Promise<LoadCounts>;
}

const worker = fileURLToPath(new URL("load-worker.ts", import.meta.url));

/** Starts sending requests at once. */
export function startLoad(order: LoadOrder): ClientLoad {
  const child = fork(worker, {
    env: cleanEnvironment,
    execArgv: ["--disable-warning=ExperimentalWarning"],
    detached: true,
  });
  child.send(order);
  return {
    take: async () => {
      child.send("take");
      const [counts] = await Promise.race([
        once(child, "message"),
        once(child, "exit").then(() => {
          throw new KilnError("internal", "The load generator has ended.");
        }),
      ]);
      return counts as LoadCounts;
    },
    [Symbol.dispose]: () => {
      if (child.connected) child.disconnect();
    },
  };
}
