import { Agent, get } from "node:http";
import type { LoadCounts, LoadOrder } from "./load.ts";

/**
 * A separate process, so that it measures the router and not the CLI. Clients of two kinds send requests in a loop:
 * one reuses its connection, the other opens a new one each time. Every request is counted.
 */
const clientsOfEachKind = 4;
const pauseMs = 10;
const timeoutMs = 10_000;

const counts = { served: 0, lost: 0, latenciesMs: [] as number[], losses: [] as string[] };

process.once("message", (order: LoadOrder) => {
  for (let i = 0; i < clientsOfEachKind; i++) {
    void askForever(order, new Agent({ keepAlive: true, maxSockets: 1 }));
    void askForever(order, new Agent({ keepAlive: false }));
  }
  process.on("message", () => process.send?.(takeCounts()));
});
process.once("disconnect", () => process.exit(0));

async function askForever(order: LoadOrder, agent: Agent): Promise<never> {
  for (;;) {
    const began = performance.now();
    const loss = await ask(order, agent);
    counts.latenciesMs.push(performance.now() - began);
    if (loss === undefined) counts.served += 1;
    else {
      counts.lost += 1;
      if (counts.losses.length < 5) counts.losses.push(loss);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Undefined when the answer was one of the expected pages, otherwise the problem. */
function ask({ url, pages }: LoadOrder, agent: Agent): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent, timeout: timeoutMs }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", (error) => resolve(error.message));
      response.on("end", () => {
        if (response.statusCode !== 200) resolve(`status ${response.statusCode}`);
        else resolve(pages.includes(Buffer.concat(parts).toString()) ? undefined : "unexpected page");
      });
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.on("error", (error) => resolve(error.message));
  });
}

/** The counts since the last report. */
function takeCounts(): LoadCounts {
  const sorted = counts.latenciesMs.splice(0).sort((a, b) => a - b);
  const taken = {
    served: counts.served,
    lost: counts.lost,
    losses: counts.losses.splice(0),
    medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
  };
  counts.served = 0;
  counts.lost = 0;
  return taken;
}
