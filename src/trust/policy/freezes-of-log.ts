import { type Asker, askerName } from "../../domain/access/actor.ts";
import type { KilnEvent } from "../../domain/event.ts";
import type { Freeze } from "../../domain/policy/policy.ts";

/** The freezes that events tell of, up to the last one that was noted. */
export class FreezesOfLog {
  readonly #freezes = new Map<unknown, Freeze>();

  note({ kind, service, data, atMs }: KilnEvent): void {
    if (kind === "freeze.lifted") this.#freezes.delete(data.freeze);
    if (kind !== "freeze.began") return;
    const { freeze, environment, untilMs, reason, actor } = data;
    this.#freezes.set(freeze, {
      ...{ id: Number(freeze), service, fromMs: atMs },
      environment: typeof environment === "string" ? environment : undefined,
      reason: typeof reason === "string" ? reason : "",
      by: askerName({ actor } as Asker),
      untilMs: typeof untilMs === "number" ? untilMs : undefined,
    });
  }

  /** Also those that are over. */
  all(): readonly Freeze[] {
    return [...this.#freezes.values()];
  }
}
