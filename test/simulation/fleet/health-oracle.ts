import type { ServerId } from "../../../src/domain/ids.ts";
import type { HealthSpec } from "../../../src/domain/spec.ts";

interface Standing {
  readonly ready: boolean;
  /** Results in a row that speak against the present standing. */
  readonly streak: number;
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

  learn(id: ServerId, ok: boolean, spec: HealthSpec): void {
    const { ready, streak } = this.#standings.get(id) ?? { ready: false, streak: 0 };
    const against = ok === ready ? 0 : streak + 1;
    const needed = ready ? spec.unready : spec.ready;
    this.#standings.set(id, against >= needed ? { ready: !ready, streak: 0 } : { ready, streak: against });
  }

  forget(id: ServerId): void {
    this.#standings.delete(id);
  }

  isReady(id: ServerId): boolean {
    return this.#standings.get(id)?.ready ?? false;
  }
}
