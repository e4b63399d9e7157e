import type { z } from "zod";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { type Api, ApiRefusal } from "./client/api.ts";

export interface Followed<T> {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Logger;
  readonly path: string;
  readonly labels: string;
  readonly schema: z.ZodType<T>;
  /** Everything that is there: at first, and whenever events may have been missed. */
  readonly listed: (objects: readonly T[]) => void;
  readonly changed: (object: T, type: "ADDED" | "MODIFIED" | "DELETED") => void;
  readonly signal: AbortSignal;
}

/** Between tries to list again. */
const pause = { firstMs: 200, mostMs: 30_000 };

/**
 * Tells of objects and their changes until the signal fires, whatever happens to the API server. Each end of a watch is followed by another one
 * from the last version; when the server no longer knows that, or anything fails, everything is listed again.
 */
export async function follow<T>(what: Followed<T>): Promise<void> {
  const { clock, log, signal, path } = what;
  for (let pauseMs = pause.firstMs; !signal.aborted; pauseMs = Math.min(2 * pauseMs, pause.mostMs)) {
    try {
      const { items, resourceVersion } = await what.api.list(
        { path, labels: what.labels, signal },
        what.schema,
      );
      what.listed(items);
      pauseMs = pause.firstMs;
      await watchFrom(what, resourceVersion);
    } catch (error) {
      if (signal.aborted) return;
      const isOld = error instanceof ApiRefusal && error.status === 410;
      log.debug(
        { path, error: toKilnError(error).message },
        isOld ? "the watch is too old" : "the watch ended",
      );
    }
    // Not all that follow at the same moment.
    await clock.sleep(pauseMs * (0.5 + Math.random()), signal).catch(() => {});
  }
}

async function watchFrom<T>(what: Followed<T>, from: string): Promise<void> {
  const { api, path, labels, signal, schema } = what;
  let resourceVersion = from;
  while (!signal.aborted) {
    for await (const event of api.watch({ path, labels, signal, resourceVersion })) {
      resourceVersion = event.resourceVersion;
      if (event.type !== "BOOKMARK") what.changed(schema.parse(event.object), event.type);
    }
  }
}
