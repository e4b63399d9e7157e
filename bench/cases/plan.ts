import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { repeat } from "../stats.ts";

/** What one process has measured; its first pass is the cold one. */
export interface Passes {
  readonly steady: readonly number[];
  readonly rolling: readonly number[];
}

const worker = fileURLToPath(new URL("plan-worker.ts", import.meta.url));

export const planCase: Case = {
  name: "plan",
  about: "one planning pass over 10,000 servers in 1,000 services, in a process of its own",
  async run() {
    const processes = await repeat(5, measure);
    const first = processes.map(({ steady }) => steady[0] ?? Number.NaN);
    const steady = processes.flatMap((p) => p.steady.slice(1));
    const rolling = processes.flatMap((p) => p.rolling.slice(1));
    return [
      figure("planning pass, 10,000 servers, first of a process", "ms", 200, first, "nothing to do"),
      figure("planning pass, 10,000 servers", "ms", 200, steady, "nothing to do"),
      figure("planning pass, 10,000 servers", "ms", 200, rolling, "every service in a rollout"),
    ];
  },
};

async function measure(): Promise<Passes> {
  const child = fork(worker, { execArgv: ["--disable-warning=ExperimentalWarning"] });
  const [passes] = await once(child, "message");
  child.disconnect();
  return passes as Passes;
}
