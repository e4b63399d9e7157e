import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { LogLine } from "../../platform/contract/reading.ts";
import type { Store } from "../../store/store.ts";
import type { Operations, ServiceStatus } from "../operations.ts";
import type { Targets } from "../targets/targets.ts";
import { chosenLines, type Reading } from "./chosen-lines.ts";

interface LogParts {
  readonly store: Pick<Store, "subscribe">;
  readonly targets: Pick<Targets, "holding">;
  readonly clock: Clock;
  readonly status: (asked: { readonly service: ServiceKey }) => Promise<ServiceStatus>;
}

type ServerLine = LogLine & { readonly server: ServerId };

/** Not all that begins has an event of its own, and what has begun may have nothing to read yet: so often someone who follows looks again. */
const lookMs = 2_000;

/** For a caller that never ends early. */
const neverAborted = new AbortController().signal;

/** What servers and jobs write. */
export function createLogs(parts: LogParts): Pick<Operations, "logs" | "serviceLogs"> {
  return {
    logs: ({ server, ...how }, { signal = neverAborted } = {}) => readLog(parts, server, how, signal),
    serviceLogs: ({ service, ...how }, { signal = neverAborted } = {}) =>
      readLogs(parts, service, how, signal),
  };
}

async function* readLog(
  { targets }: LogParts,
  server: ServerId,
  how: Reading,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const { platform } = await targets.holding(server);
  const { logs } = platform;
  if (logs === undefined) {
    throw new KilnError("platform_unusable", `The platform ${platform.name} keeps no logs.`);
  }
  yield* chosenLines((asked) => logs.read(server, asked, signal), how);
}

/**
 * Every server's and running job's lines as they come. With `follow`, each event of the service is a time to look for new ones, until the
 * service is gone. Throws why nothing could be read, when that is so; with `follow` only when it stays so.
 */
async function* readLogs(
  parts: LogParts,
  service: ServiceKey,
  how: Reading,
  outer: AbortSignal,
): AsyncGenerator<ServerLine> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const readers = new Readers(parts, signal);
  let news = true;
  let seen = false;
  const look = () => {
    news = true;
    readers.tell();
  };
  using _events = parts.store.subscribe((event) => {
    if (how.follow && event.service === service) look();
  });
  if (how.follow) void lookAgain(parts.clock, signal, look);
  try {
    for (let tail = how.tail; !outer.aborted; ) {
      const line = readers.take();
      if (line !== undefined) yield line;
      else if (news) {
        news = false;
        const sources = await sourcesOf(parts, service, seen);
        if (sources === undefined) return;
        seen = true;
        for (const id of sources) readers.begin(id, { ...how, tail });
        if (how.follow) tail = undefined; // of new ones, everything
      } else if (!readers.any && readers.isOver(how)) return;
      else await readers.changed;
    }
  } finally {
    stop.abort();
  }
}

async function lookAgain(clock: Clock, signal: AbortSignal, look: () => void): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(lookMs, signal).catch(() => {}); // aborted: the loop sees it
    look();
  }
}

/** Readers of several servers. Each waits until its line was taken: a slow client costs no memory. */
class Readers {
  readonly #parts: LogParts;
  readonly #signal: AbortSignal;
  readonly #waiting: { readonly line: ServerLine; readonly taken: () => void }[] = [];
  readonly #begun = new Set<ServerId>();
  /** The time of the last line of each. */
  readonly #lastMs = new Map<ServerId, number>();
  #open = 0;
  /** Of the last one that could not be read. */
  #failure: unknown;
  #change = Promise.withResolvers<void>();

  constructor(parts: LogParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
    signal.addEventListener("abort", () => {
      for (const { taken } of this.#waiting) taken();
      this.tell();
    });
  }

  /** Whether one reads still. */
  get any(): boolean {
    return this.#open > 0;
  }

  /** Whether nothing more can come. Throws why nothing came. */
  isOver({ follow }: Reading): boolean {
    const stays = this.#failure instanceof KilnError && this.#failure.code === "platform_unusable";
    if (this.#failure !== undefined && this.#lastMs.size === 0 && (stays || !follow)) throw this.#failure;
    return !follow;
  }

  /** The next time that something is there, or may be. */
  get changed(): Promise<void> {
    return this.#change.promise;
  }

  tell(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  take(): ServerLine | undefined {
    const next = this.#waiting.shift();
    next?.taken();
    return next?.line;
  }

  /** Once for each server; again where reading has failed, or there was nothing: it may not be started yet. */
  begin(server: ServerId, how: Reading): void {
    if (this.#begun.has(server)) return;
    this.#begun.add(server);
    this.#open += 1;
    this.#read(server, how)
      .then(() => this.#lastMs.has(server))
      .catch((error: unknown) => {
        this.#failure = error;
        return false;
      })
      .then((isRead) => {
        if (!isRead) this.#begun.delete(server);
        this.#open -= 1;
        this.tell();
      });
  }

  async #read(server: ServerId, how: Reading): Promise<void> {
    const before = this.#lastMs.get(server) ?? Number.NEGATIVE_INFINITY;
    for await (const line of readLog(this.#parts, server, how, this.#signal)) {
      if (this.#signal.aborted) return;
      if (line.atMs <= before) continue; // read before it failed
      this.#lastMs.set(server, line.atMs);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push({ line: { server, ...line }, taken: resolve });
      this.tell();
      await promise;
    }
  }
}

/** Undefined: the service is gone since. Throws `service_unknown` when it was not there before either. */
async function sourcesOf(
  { status }: LogParts,
  service: ServiceKey,
  wasThere: boolean,
): Promise<readonly ServerId[] | undefined> {
  try {
    const { servers, jobs } = await status({ service });
    return [...servers, ...jobs.filter(({ state }) => state === "running")].map(({ id }) => id);
  } catch (error) {
    if (wasThere && error instanceof KilnError && error.code === "service_unknown") return undefined;
    throw error;
  }
}
