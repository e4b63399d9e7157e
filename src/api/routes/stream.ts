import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import { errorToJson } from "../../lib/errors.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { type StreamBeat, streamEvents } from "../contract/contract.ts";

/** Keeps connections open through whatever stands between, and finds the ones whose other end is gone. */
const beatMs = 10_000;

/** A stream that continues beats soon: its reader learns the time from it. One that has ended by then needs none. */
const firstBeatMs = 250;

/** How long the first item, or fault, may take before the answer begins without it. */
const headAfterMs = 100;

/** Must end when the signal fires. An item with a `sequence` has that as its id. */
type Open = (signal: AbortSignal) => AsyncIterable<object>;

/** The streams that are open, so that they can be ended. */
export class OpenStreams {
  readonly #open = new Set<AbortController>();

  /**
   * Answers with server-sent events (WHATWG HTML, section 9.2) until the items end or the client goes. A fault that
   * comes at once is thrown, so that it gets a status of its own; a later one is sent as the last event. When `ended` fires,
   * the client is cut off.
   */
  async send(reply: FastifyReply, open: Open, ended?: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const end = () => stop.abort();
    ended?.addEventListener("abort", end, { once: true });
    const raw = reply.raw;
    raw.once("close", () => stop.abort());
    this.#open.add(stop);
    try {
      const items = open(stop.signal)[Symbol.asyncIterator]();
      const first = items.next();
      await settledOrLate(first);
      reply.hijack();
      await write(raw, first, items, stop.signal);
    } finally {
      this.#open.delete(stop);
      ended?.removeEventListener("abort", end);
      stop.abort();
    }
  }

  /** Ends all streams, without the event that says there is nothing more to come. */
  endAll(): void {
    for (const stop of this.#open) stop.abort();
  }
}

/** Throws what the promise throws if it does so soon; otherwise leaves it be. */
async function settledOrLate(first: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, headAfterMs);
  try {
    await Promise.race([first, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function write(
  raw: ServerResponse,
  first: Promise<IteratorResult<object>>,
  items: AsyncIterator<object>,
  signal: AbortSignal,
): Promise<void> {
  raw.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    connection: "close",
  });
  raw.flushHeaders();
  const beat = () => raw.write(`event: ${streamEvents.beat}\ndata: ${JSON.stringify(beatNow())}\n\n`);
  const begin = setTimeout(beat, firstBeatMs);
  const heart = setInterval(beat, beatMs);
  const aborted = once(signal, "abort").catch(() => {});
  try {
    for (let next = await first; !next.done && !signal.aborted; next = await items.next()) {
      const id = "sequence" in next.value ? `id: ${next.value.sequence}\n` : "";
      const room = raw.write(`${id}data: ${JSON.stringify(next.value)}\n\n`);
      if (!room) await Promise.race([once(raw, "drain"), aborted]);
    }
    if (!signal.aborted) raw.write(`event: ${streamEvents.end}\ndata: {}\n\n`);
  } catch (error) {
    if (!signal.aborted)
      raw.write(`event: ${streamEvents.fault}\ndata: ${JSON.stringify(errorToJson(error))}\n\n`);
  } finally {
    clearTimeout(begin);
    clearInterval(heart);
    await items.return?.();
    raw.end();
  }
}

function beatNow(): StreamBeat {
  return { atMs: systemClock.now() };
}
