import { createInterface } from "node:readline";
import type { ServerId } from "../../domain/ids.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { DockerContext } from "./context.ts";
import { containerEvent } from "./engine/answers.ts";
import { label, ours } from "./names.ts";

/** Between tries to listen again: a stopped engine refuses at once, and it is to be known soon when it answers. */
const pause = { firstMs: 200, mostMs: 1_000 };

/**
 * Calls back with each server whose container has ended. What happens while no one listens is not reported later: looks at all
 * servers find it.
 */
export function watchEnds(host: DockerContext, ended: (id: ServerId) => void): Disposable {
  const stop = new AbortController();
  void listen(host, ended, stop.signal);
  return { [Symbol.dispose]: () => stop.abort() };
}

async function listen(
  host: DockerContext,
  ended: (id: ServerId) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let pauseMs = pause.firstMs; !signal.aborted; pauseMs = Math.min(2 * pauseMs, pause.mostMs)) {
    try {
      await follow(host, signal, (id) => {
        pauseMs = pause.firstMs;
        ended(id);
      });
    } catch (error) {
      if (signal.aborted) return;
      host.log.debug({ error: toKilnError(error).message }, "Docker's events are lost; Kiln listens again");
    }
    await host.clock.sleep(pauseMs, signal).catch(() => {});
  }
}

async function follow(
  { engine, names, inspector, presence }: DockerContext,
  signal: AbortSignal,
  ended: (id: ServerId) => void,
) {
  const filters = ours(names, { type: ["container"], event: ["die"] });
  const answer = await engine.stream({ path: "/events", query: { filters }, signal });
  presence.answers();
  try {
    for await (const line of createInterface({ input: answer })) {
      const { Actor } = containerEvent.parse(JSON.parse(line));
      const id = Actor.Attributes[label.server];
      if (id === undefined) continue;
      inspector.drop(id);
      ended(id);
    }
  } finally {
    presence.lost();
  }
}
