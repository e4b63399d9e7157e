import type { ServerId } from "../../../src/domain/ids.ts";
import type { HealthSpec } from "../../../src/domain/spec/server-shape.ts";

interface Standing {
  readonly ready: boolean;
  /** Results in a row that speak against the present standing. */
  readonly streak: number;
  /** When it was ready for the last time; undefined: never, or it is. */
  readonly readyUntilMs?: number;
}

/**
 * Which servers are ready by the rule of the spec, reckoned apart from the product: `ready` passes in a row make a
 * server ready, `unready` failures in a row undo it, and one that had traffic when the controller came is taken over as
 * ready. One oracle lives as long as one controller, whose health checks are all that it knows.
 */
export class HealthOracle {
  readonly #standings = new Map<ServerId, Standing>();

  adopt(id: ServerId): void {
    if (!this.#standings.has(id)) this.#standings.set(id, { ready: true, streak: 0 });
  }

  learn(id: ServerId, ok: boolean, spec: HealthSpec, nowMs: number): void {
    const { ready, streak, ...rest } = this.#standings.get(id) ?? { ready: false, streak: 0 };
    const against = ok === ready ? 0 : streak + 1;
    const turns = against >= (ready ? spec.unready : spec.ready);
    const lost = turns && ready ? { readyUntilMs: nowMs } : {};
    this.#standings.set(
      id,
      turns ? { ready: !ready, streak: 0, ...lost } : { ready, streak: against, ...rest },
    );
  }

  forget(id: ServerId): void {
    this.#standings.delete(id);
  }

  isReady(id: ServerId): boolean {
    return this.#standings.get(id)?.ready ?? false;
  }

  /** Many are checked at the same moment: what one check found may lead to something before another one has ended. */
  wasReadyAt(id: ServerId, nowMs: number): boolean {
    return this.isReady(id) || this.#standings.get(id)?.readyUntilMs === nowMs;
  }
}
