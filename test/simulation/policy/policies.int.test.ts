import { expect, test } from "vitest";
import { replay } from "../many/many.ts";
import { simulate } from "../simulation.ts";
import { policyRequests } from "../tally.ts";
import { concerns } from "./written.ts";

const seeds = 24;

test("no rollout begins against policies, and nothing that has begun waits for them", async () => {
  const happened = new Set<string>();
  for (const policies of concerns) {
    for (let seed = 1; seed <= seeds; seed++) {
      const { found, world, outcome } = await simulate({ seed, policies });
      expect(
        found && `${found.rule}: ${found.words}`,
        `${replay(seed)} --policies ${policies} (${world})`,
      ).toBeUndefined();
      for (const name of Object.keys(outcome.happened)) happened.add(name);
    }
  }
  const missing = policyRequests.filter((name) => !happened.has(name));
  expect(missing, "what does not happen proves nothing").toEqual([]);
}, 3_600_000);
