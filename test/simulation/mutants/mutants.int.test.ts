import { expect, test } from "vitest";
import { qualities as usual } from "../nature.ts";
import { simulate } from "../simulation.ts";
import type { WorldName } from "../world.ts";
import { mutants } from "./mutants.ts";
import { policyMutants } from "./policy-mutants.ts";

const mostSeeds = 300;

const onFleet: readonly WorldName[] = ["fleet"];
const cases = Object.entries({ ...mutants, ...policyMutants }).flatMap(
  ([name, { on = onFleet, ...mutant }]) => on.map((world) => [name, world, mutant] as const),
);

test.each(cases)(
  "the simulation finds that %s, on the %s",
  async (_name, on, { caughtBy, qualities = usual, policies, ...mutation }) => {
    const others = new Set<string>(); // what one bug leads to may break another rule first
    for (let seed = 1; seed <= mostSeeds; seed++) {
      const { found } = await simulate({ seed, on, mutation, qualities, policies });
      if (found?.rule === caughtBy) return;
      if (found !== undefined) others.add(found.rule);
    }
    expect.fail(
      `${mostSeeds} seeds do not find it by ${caughtBy}, only by ${[...others].join(", ") || "none"}`,
    );
  },
  3_600_000,
);
