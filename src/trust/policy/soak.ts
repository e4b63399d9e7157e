import type { KilnEvent } from "../../domain/event.ts";
import type { ImageDigest } from "../../domain/ids.ts";

/** The events of a service that tell how an image did there. */
export const soakKinds: readonly string[] = [
  ...["release.created", "rollout.started", "rollout.completed"],
  ...["rollout.turned-back", "rollout.failed", "drift.found", "service.removing"],
];

/** How an image did in one environment. */
export interface Soak {
  /** The longest time in a row (ms) that it served without drift. */
  readonly longestMs: number;
  /** Whether it serves there now, so that the time grows. */
  readonly serves: boolean;
  /** What counts against it, one clause; undefined: nothing. */
  readonly spoiled: string | undefined;
}

/**
 * From the events of the service in that environment, in their order. A rollback that leaves the image, or a rollout of it that turned
 * back or failed, spoils it until a rollout of it completes again; drift begins the time again.
 */
export function soakOf(events: readonly KilnEvent[], image: ImageDigest, nowMs: number): Soak {
  const soaking = new Soaking(image);
  for (const event of events) soaking.follow(event);
  return soaking.result(nowMs);
}

class Soaking {
  readonly #image: ImageDigest;
  /** Releases that were made from the image. */
  readonly #releases = new Set<unknown>();
  #sinceMs: number | undefined;
  #longestMs = 0;
  #spoiled: string | undefined;
  /** The last rollout to another target: where it fails, the image has served well all the same. */
  #move: unknown;

  constructor(image: ImageDigest) {
    this.#image = image;
  }

  follow({ kind, data, atMs, sequence }: KilnEvent): void {
    const leads = this.#releases.has(data.to);
    if (kind === "release.created") this.#created(data);
    else if (kind === "rollout.completed") this.#completed(leads, atMs);
    else if (kind === "rollout.turned-back" || kind === "rollout.failed") {
      if (leads && data.rollout !== this.#move)
        this.#spoil(`rollout ${data.rollout} of it did not complete (event ${sequence})`);
    } else if (kind === "rollout.started") {
      if (data.journey === "move") this.#move = data.rollout;
      const leaves = data.journey === "rollback" && this.#releases.has(data.from) && !leads;
      if (leaves) this.#spoil(`rollout ${data.rollout} rolled it back (event ${sequence})`);
    } else if (kind === "service.removing") this.#end(atMs);
    else if (kind === "drift.found" && this.#sinceMs !== undefined) this.#sinceMs = atMs;
  }

  result(nowMs: number): Soak {
    const serves = this.#sinceMs !== undefined;
    const now = this.#sinceMs === undefined ? 0 : nowMs - this.#sinceMs;
    return { longestMs: Math.max(this.#longestMs, now), serves, spoiled: this.#spoiled };
  }

  /** After a removal, numbers begin again. */
  #created({ release, image }: KilnEvent["data"]): void {
    if (image === this.#image) this.#releases.add(release);
    else this.#releases.delete(release);
  }

  #completed(leads: boolean, atMs: number): void {
    if (leads) {
      this.#spoiled = undefined;
      this.#sinceMs ??= atMs;
    } else this.#end(atMs);
  }

  #end(atMs: number): void {
    if (this.#sinceMs !== undefined) this.#longestMs = Math.max(this.#longestMs, atMs - this.#sinceMs);
    this.#sinceMs = undefined;
  }

  #spoil(because: string): void {
    this.#spoiled = because;
    this.#sinceMs = undefined;
    this.#longestMs = 0;
  }
}
