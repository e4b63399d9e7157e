import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";

/** A call of the product to a part of its world: the host and the router of a fleet, or an engine with groups of its own. */
export interface WorldCall {
  readonly part: "host" | "router" | "engine";
  readonly operation: string;
  /** A server or service; undefined for calls about everything. */
  readonly subject: string | undefined;
}

/** What befalls one call. */
export interface Fate {
  /** Before it takes effect. */
  readonly beforeMs: number;
  /**
   * `failed`: nothing happens, and it throws. `lost`: it happens, and it throws all the same. `forgotten`: nothing
   * happens, and it says that all is well.
   */
  readonly outcome: "done" | "failed" | "lost" | "forgotten";
  /** From its effect until its answer arrives. */
  readonly afterMs: number;
}

export const noFault: Fate = { beforeMs: 0, outcome: "done", afterMs: 0 };

interface Rates {
  readonly failed: number;
  readonly lost: number;
  readonly forgotten: number;
  readonly late: number;
}

interface Outage {
  readonly operation: string;
  readonly untilMs: number;
}

const calm: Rates = { failed: 0, lost: 0, forgotten: 0, late: 0 };

/** Calls that change something: only those can be accepted and forgotten. */
const forgettable = new Set(["apply", "remove", "stop", "destroy", "resize", "route", "retire"]);

const names = {
  failed: "a call failed",
  lost: "a call's answer was lost",
  forgotten: "a call was accepted and forgotten",
} as const;

/** Decides, from the seed alone, what goes wrong. */
export class Faults {
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #rates: { readonly host: Rates; readonly router: Rates; readonly engine: Rates };
  #outages: readonly Outage[] = [];
  #over = false;

  constructor(random: Random, tally: Tally) {
    this.#random = random;
    this.#tally = tally;
    this.#rates = {
      ...{ host: ratesFrom(random), router: ratesFrom(random) },
      engine: ratesFrom(random.fork("engine")),
    };
  }

  /** From now on everything works. */
  stop(): void {
    this.#over = true;
  }

  /** Every call of this operation fails until then (real time). */
  breakDown(operation: string, untilMs: number): void {
    this.#outages = [...this.#outages, { operation, untilMs }];
  }

  fateOf({ part, operation }: WorldCall, nowMs: number): Fate {
    if (this.#over) return noFault;
    const late = this.#random.chance(this.#rates[part].late);
    const beforeMs = late ? this.#random.int(1, 4_000) : 0;
    const afterMs = late && this.#random.chance(0.5) ? this.#random.int(1, 2_000) : 0;
    const outcome = this.#isOut(operation, nowMs) ? "failed" : this.#outcome(this.#rates[part], operation);
    if (late) this.#tally.add("a call was late");
    if (outcome !== "done") this.#tally.add(names[outcome]);
    if (outcome === "failed" || outcome === "lost") this.#countLook(part, operation);
    return late || outcome !== "done" ? { beforeMs, outcome, afterMs } : noFault;
  }

  /** Half of a look is none: what the other half has told must not count. */
  #countLook(part: WorldCall["part"], operation: string): void {
    if (operation === "list") this.#tally.add("a listing of the host failed");
    if (operation === "observe")
      this.#tally.add(`a look at the ${part === "engine" ? "engine" : "router"} failed`);
  }

  #outcome({ failed, lost, forgotten }: Rates, operation: string): Fate["outcome"] {
    const roll = this.#random.next();
    if (roll < failed) return "failed";
    if (roll < failed + lost) return "lost";
    return roll < failed + lost + forgotten && forgettable.has(operation) ? "forgotten" : "done";
  }

  #isOut(operation: string, nowMs: number): boolean {
    if (this.#outages.length === 0) return false;
    this.#outages = this.#outages.filter((o) => o.untilMs > nowMs);
    return this.#outages.some((o) => o.operation === operation || o.operation === "all");
  }
}

/** A third of all parts work well; the others fail now and then, each in its own way. */
function ratesFrom(random: Random): Rates {
  if (random.chance(0.35)) return calm;
  return {
    failed: random.chance(0.7) ? random.next() * 0.12 : 0,
    lost: random.chance(0.5) ? random.next() * 0.08 : 0,
    forgotten: random.chance(0.3) ? random.next() * 0.04 : 0,
    late: random.chance(0.6) ? random.next() * 0.25 : 0,
  };
}
