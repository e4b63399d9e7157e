import type { Controller } from "../../src/controller/controller.ts";
import type { ServiceKey } from "../../src/domain/ids.ts";
import { anAsker } from "../../src/domain/testing.ts";
import { Killed } from "./life.ts";
import type { Random } from "./random.ts";
import type { Verdict } from "./rules/verdict.ts";
import type { Tally } from "./tally.ts";
import type { Trace } from "./trace.ts";

export interface GuardianParts {
  readonly random: Random;
  readonly services: readonly ServiceKey[];
  readonly verdict: Verdict;
  readonly trace: Trace;
  readonly tally: Tally;
}

/** A person who freezes services now and then, for a while or until further notice, and lifts that. In a quarter of all runs there is one. */
export class Guardian {
  readonly #parts: GuardianParts;
  readonly #isThere: boolean;

  constructor(parts: GuardianParts) {
    this.#parts = parts;
    this.#isThere = parts.random.chance(0.25);
  }

  act(controller: Controller): void {
    const { random } = this.#parts;
    if (!this.#isThere) return;
    const what = random.weighted({ nothing: 40, freeze: 3, unfreeze: 4 });
    if (what === "nothing") return;
    const scope = random.chance(0.5) ? { service: random.any(this.#parts.services) } : {};
    const forMs = random.chance(0.8) ? random.int(5_000, 90_000) : undefined;
    const answer =
      what === "freeze"
        ? controller.freeze({ ...scope, forMs, reason: "an incident" }, anAsker())
        : controller.unfreeze(scope, anAsker());
    this.#hear(what, answer);
  }

  #hear(what: "freeze" | "unfreeze", answer: Promise<unknown>): void {
    const { trace, tally, verdict } = this.#parts;
    answer.then(
      (value) => {
        trace.add(() => `guardian: ${what} -> ${JSON.stringify(value)}`);
        tally.add(what);
      },
      (error: unknown) => {
        if (!(error instanceof Killed)) verdict.fail("every-request-has-an-answer", `${what}: ${error}`);
      },
    );
  }
}
