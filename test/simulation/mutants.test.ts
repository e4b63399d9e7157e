import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";
import { qualities as usual } from "./nature.ts";
import { simulate } from "./simulation.ts";

const mostSeeds = 150;

test.each(Object.entries(mutants))(
  "the simulation finds that %s",
  async (_name, { caughtBy, qualities = usual, ...mutation }) => {
    for (let seed = 1; seed <= mostSeeds; seed++) {
      const { found } = await simulate({ seed, mutation, qualities });
      if (found === undefined) continue;
      expect(found.rule, found.words).toBe(caughtBy);
      return;
    }
    expect.fail(`${mostSeeds} seeds do not find it`);
  },
  300_000,
);
