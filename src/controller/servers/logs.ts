import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import type { LogLine } from "../../platform/contract/reading.ts";
import type { Store } from "../../store/store.ts";
import type { Operations, ServiceStatus } from "../operations.ts";
import type { Targets } from "../targets/targets.ts";

interface LogParts {
  readonly store: Pick<Store, "subscribe">;
  readonly targets: Pick<Targets, "holding">;
  readonly status: (asked: { readonly service: ServiceKey }) => Promise<ServiceStatus>;
}

interface Reading {
  readonly tail?: number | undefined;
  readonly follow?: boolean | undefined;
}

type ServerLine = LogLine & { readonly server: ServerId };

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
  if (platform.logs === undefined) {
    throw new KilnError("platform_unusable", `The platform ${platform.name} keeps no logs.`);
  }
  yield* platform.logs.read(server, how, signal);
}

/**
 * Every server's and running job's lines as they come. With `follow`, an event of the service is the time to look for new ones, until the
 * service is gone.
 */
async function* readLogs(
  parts: LogParts,
  service: ServiceKey,
  how: Reading,
  outer: AbortSignal,
): AsyncGenerator<ServerLine> {
  const stop = new AbortController();
  const readers = new Readers(parts, AbortSignal.any([outer, stop.signal]));
  let news = true;
  let seen = false;
  using _events = parts.store.subscribe((event) => {
    if (!how.follow || event.service !== service) return;
    news = true;
    readers.tell();
  });
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
      } else if (!how.follow && !readers.any) return;
      else await readers.changed;
    }
  } finally {
    stop.abort();
  }
}

/** Readers of several servers. Each waits until its line was taken: a slow client costs no memory. */
class Readers {
  readonly #parts: LogParts;
  readonly #signal: AbortSignal;
  readonly #waiting: { readonly line: ServerLine; readonly taken: () => void }[] = [];
  readonly #known = new Set<ServerId>();
  #open = 0;
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

  /** Once for each server. */
  begin(server: ServerId, how: Reading): void {
    if (this.#known.has(server)) return;
    this.#known.add(server);
    this.#open += 1;
    this.#read(server, how)
      .catch(() => this.#known.delete(server)) // not started yet, or just gone: the next look decides
      .finally(() => {
        this.#open -= 1;
        this.tell();
      });
  }

  async #read(server: ServerId, how: Reading): Promise<void> {
    for await (const line of readLog(this.#parts, server, how, this.#signal)) {
      if (this.#signal.aborted) return;
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
