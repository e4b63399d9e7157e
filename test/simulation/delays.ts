import type { Clock } from "../../src/lib/time/clock.ts";
import type { Random } from "./random.ts";

const mostTurns = 12;

/**
 * How long it takes until a request arrives and a question is answered. Others may come in between, also where no time passes: a few
 * turns of the promises that are waited for are enough. In half of all runs nothing takes any time.
 */
export class Delays {
  readonly #random: Random;
  readonly #time: Clock;
  readonly #areThere: boolean;

  constructor(random: Random, time: Clock) {
    this.#random = random;
    this.#time = time;
    this.#areThere = random.chance(0.5);
  }

  async pass(mostMs: number): Promise<void> {
    if (!this.#areThere) return;
    const kind = this.#random.weighted({ none: 2, turns: 6, time: 2 });
    if (kind === "time") await this.#time.sleep(this.#random.int(1, mostMs));
    if (kind === "turns") for (let left = this.#random.int(1, mostTurns); left > 0; left--) await undefined;
  }
}
