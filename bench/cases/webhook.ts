import { fork } from "node:child_process";
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startWebhooks } from "../../src/controller/webhooks/operations.ts";
import { post } from "../../src/controller/webhooks/post.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemClock } from "../../src/lib/time/clock.ts";
import { openStore } from "../../src/store/store.ts";
import { aDatabasePath } from "../../src/store/testing.ts";
import type { Case } from "../case.ts";
import { figure } from "../figure.ts";

const events = 100_000;
const root = { actor: { via: "socket", name: "root", uid: 0 } } as const;
const worker = fileURLToPath(new URL("receiver-worker.ts", import.meta.url));

export const webhookCase: Case = {
  name: "webhook",
  about: `delivery of ${events} events to a receiver on this machine, and what else waits for it`,
  async run(workshop) {
    const receiver = fork(worker, { execArgv: ["--disable-warning=ExperimentalWarning"] });
    const [port] = await once(receiver, "message");
    using file = aDatabasePath("disk");
    const store = openStore(file.path, { clock: systemClock });
    try {
      const url = `http://127.0.0.1:${port}/`;
      const asked = { name: "bench", url, headers: {}, format: "cloudevents" as const };
      store.webhooks.add({ ...asked, kinds: ["*"], services: [] }, root);
      workshop.say("writing events ...");
      const news = Array.from({ length: 1_000 }, (_, i) => ({
        ...{ service: "shop", kind: "server.ready" as const, message: `shop-1-${i}-1 is ready` },
        data: { server: `shop-1-${i}-1`, release: 1 },
      }));
      for (let written = 0; written < events; written += news.length) store.recordServers(news, []);
      const alone = await delayWhile(() => sleep(2_000));
      const hooks = startWebhooks({ store, clock: systemClock, log: silentLog, post, installation: "here" });
      const beganAt = performance.now();
      const before = process.cpuUsage();
      const delivering = await delayWhile(async () => {
        while (store.webhooks.one("bench").cursor < store.lastSequence()) await sleep(200);
      });
      const seconds = (performance.now() - beganAt) / 1_000;
      const { user, system } = process.cpuUsage(before);
      await hooks.close();
      const pace = `by the clock: ${(events / seconds).toFixed(0)} events a second`;
      return [
        figure("1,000 events to a webhook, CPU time", "ms", undefined, [(user + system) / events], pace),
        figure(
          "what else is done waits, 99 %",
          "ms",
          50,
          [delivering.p99],
          `${alone.p99.toFixed(1)} ms without`,
        ),
        figure(
          "what else is done waits at most",
          "ms",
          undefined,
          [delivering.max],
          `${alone.max.toFixed(1)} ms without`,
        ),
      ];
    } finally {
      store.close();
      receiver.disconnect();
    }
  },
};

/** How long whatever becomes due in this process waits for its turn meanwhile, in ms. */
async function delayWhile(
  work: () => Promise<unknown>,
): Promise<{ readonly p99: number; readonly max: number }> {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  await work();
  delays.disable();
  return { p99: delays.percentile(99) / 1e6, max: delays.max / 1e6 };
}
