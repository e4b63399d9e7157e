import type { ServiceKey } from "../../domain/ids.ts";
import type { Rollout, RolloutPhase } from "../../domain/rollout/rollout.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Client, KilnEvent } from "../api.ts";
import type { Context } from "../context.ts";
import { statusOf } from "../services.ts";
import { createReporter, type Reporter } from "./reporter.ts";
import type { RolloutLook } from "./view.ts";

/** Without an event, the controller is asked again after this time. */
const lookAgainMs = 250;
/** The first events of a rollout are within this many of the newest. */
const recentEvents = 50;
/** So long a controller elsewhere may be away: more than its machine takes to start again. */
const awayMs = 120_000;

/** Phases that a rollout does not leave without a command. */
const settled: readonly RolloutPhase[] = ["complete", "rolled-back", "failed", "superseded", "paused"];

/**
 * Watches a rollout until it has settled, and shows its events. A controller that ends meanwhile is started again,
 * which continues the rollout; one elsewhere is asked again, and `controller_unreachable` thrown when it stays away. Events before
 * `fromMs` (by default, before the start) are not shown. Throws `cancelled` when the context's signal fires: the rollout itself continues.
 */
export async function followRollout(
  context: Context,
  first: Client,
  id: number,
  fromMs?: number,
): Promise<Rollout> {
  const { service, startedAtMs } = await first.rollout({ id });
  const reporter = createReporter(context, startedAtMs, fromMs);
  const contact = contactWith(context, (line) => reporter.say(line));
  const report = (look: RolloutLook) => {
    contact.there();
    reporter.look(look);
  };
  let client = first;
  try {
    for (;;) {
      try {
        return await watchUntilSettled(context, client, { id, service }, { ...reporter, look: report });
      } catch (error) {
        if (context.signal.aborted || !isUnreachable(error)) throw error;
        client = await contact.again(error);
      }
    }
  } catch (error) {
    throw context.signal.aborted ? new KilnError("cancelled", "Following has stopped.") : error;
  } finally {
    reporter.end();
  }
}

/** `again` connects once more after an error, and throws it when the controller has been away for too long. */
function contactWith(context: Context, say: (line: string) => void) {
  const { clock, signal } = context;
  let seenMs = clock.elapsed();
  let isAway = false;
  return {
    there: () => {
      seenMs = clock.elapsed();
      isAway = false;
    },
    again: async (error: unknown): Promise<Client> => {
      if (clock.elapsed() - seenMs > awayMs) throw error;
      const isElsewhere = (await context.remote()) !== undefined;
      if (!isAway)
        say(
          isElsewhere
            ? "The controller does not answer; asking it again."
            : "The controller has ended; starting it again.",
        );
      isAway = true;
      await clock.sleep(lookAgainMs, signal);
      return context.connect();
    },
  };
}

async function watchUntilSettled(
  context: Context,
  client: Client,
  { id, service }: Pick<Rollout, "id" | "service">,
  reporter: Reporter,
): Promise<Rollout> {
  using events = subscribe(context, client, service, (event) => reporter.event(event));
  for (;;) {
    events.arm();
    const look = await lookAt(client, id, service);
    reporter.look(look);
    if (settled.includes(look.rollout.phase)) {
      await events.quiet();
      return look.rollout;
    }
    await events.next();
  }
}

async function lookAt(client: Client, id: number, service: ServiceKey): Promise<RolloutLook> {
  const [rollout, status] = await Promise.all([client.rollout({ id }), statusOf(client, service)]);
  return { rollout, status };
}

interface Subscription extends Disposable {
  /** From here on an event makes the next `next` resolve. */
  arm(): void;
  /** Resolves soon after an event, or after `lookAgainMs`. Throws what ended the stream. */
  next(): Promise<void>;
  /** Waits for events that are already under way. */
  quiet(): Promise<void>;
}

function subscribe(
  context: Context,
  client: Client,
  service: ServiceKey,
  onEvent: (event: KilnEvent) => void,
): Subscription {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  let wake = Promise.withResolvers<void>();
  let failure: unknown;
  const fail = (error: unknown) => {
    failure = error;
    wake.resolve();
  };
  void (async () => {
    for await (const event of client.events({ newest: recentEvents, service, follow: true }, { signal })) {
      onEvent(event);
      wake.resolve();
    }
    fail(
      new KilnError("controller_unreachable", "The controller closed the stream of events.", { retry: true }),
    );
  })().catch(fail);
  const rest = async (ms: number, until?: Promise<void>) => {
    const timer = new AbortController();
    const sleep = context.clock.sleep(ms, AbortSignal.any([context.signal, timer.signal]));
    await Promise.race([sleep, ...(until === undefined ? [] : [until])]).finally(() => {
      sleep.catch(() => {}); // ended by the line below, as intended
      timer.abort();
    });
  };
  return {
    arm: () => {
      wake = Promise.withResolvers<void>();
      if (failure !== undefined) wake.resolve();
    },
    next: async () => {
      await rest(lookAgainMs, wake.promise);
      if (failure !== undefined) throw failure;
    },
    quiet: () => rest(20),
    [Symbol.dispose]: () => stop.abort(),
  };
}

function isUnreachable(error: unknown): boolean {
  return error instanceof KilnError && error.code === "controller_unreachable";
}
