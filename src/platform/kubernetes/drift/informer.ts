import type { z } from "zod";
import { type KilnError, toKilnError } from "../../../lib/errors.ts";
import type { Logger } from "../../../lib/log.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import { type Api, ApiRefusal } from "../client/api.ts";

export interface Followed<T> {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Logger;
  /** A function where it depends on what the cluster says of itself. */
  readonly path: string | ((signal: AbortSignal) => Promise<string>);
  readonly labels: string;
  readonly schema: z.ZodType<T>;
  /** Everything that is there: at first, and whenever events may have been missed. */
  readonly listed: (objects: readonly T[]) => void;
  readonly changed: (object: T, type: "ADDED" | "MODIFIED" | "DELETED") => void;
  /** Several tries in a row have failed: once, until one has lasted. */
  readonly blind?: (error: KilnError) => void;
  readonly signal: AbortSignal;
}

/** From the end of a watch to what follows it: longer each time, until one has lasted. */
const pause = { firstMs: 200, mostMs: 30_000 };
const lastingMs = 5_000;
const listMs = 60_000;
const manyFailures = 5;

/**
 * Tells of objects and their changes until the signal fires, whatever happens to the API server. Each end of a watch is followed by another one
 * from the last version; when the server no longer knows that, or anything fails, everything is listed again.
 */
export async function follow<T>(asked: Followed<T>): Promise<void> {
  const { clock, log, signal } = asked;
  let from: string | undefined;
  let failures = 0;
  for (let pauseMs = pause.firstMs; !signal.aborted; pauseMs = Math.min(2 * pauseMs, pause.mostMs)) {
    let sinceMs = Number.POSITIVE_INFINITY;
    try {
      const path = typeof asked.path === "string" ? asked.path : await asked.path(signal);
      const what = { ...asked, path };
      from ??= await listAll(what);
      sinceMs = clock.elapsed();
      from = await watchFrom(what, from);
    } catch (error) {
      if (signal.aborted) return;
      from = undefined;
      failures += 1;
      if (failures === manyFailures) asked.blind?.(toKilnError(error));
      const isOld = error instanceof ApiRefusal && error.status === 410;
      log.debug(
        { labels: asked.labels, error: toKilnError(error).message },
        isOld ? "the watch is too old" : "the watch ended",
      );
    }
    if (clock.elapsed() - sinceMs >= lastingMs) {
      pauseMs = pause.firstMs;
      failures = 0;
    }
    // Not all that follow at the same moment.
    await clock.sleep(pauseMs * (0.5 + Math.random()), signal).catch(() => {});
  }
}

type Placed<T> = Followed<T> & { readonly path: string };

async function listAll<T>({ api, path, labels, signal, schema, listed }: Placed<T>): Promise<string> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(listMs)]);
  const { items, resourceVersion } = await api.list({ path, labels, signal: until }, schema);
  listed(items);
  return resourceVersion;
}

/** Until the watch ends: resolves to where the next one continues. */
async function watchFrom<T>(what: Placed<T>, from: string): Promise<string> {
  const { api, path, labels, signal, schema } = what;
  let resourceVersion = from;
  for await (const event of api.watch({ path, labels, signal, resourceVersion: from })) {
    resourceVersion = event.resourceVersion;
    if (event.type !== "BOOKMARK") what.changed(schema.parse(event.object), event.type);
  }
  return resourceVersion;
}
