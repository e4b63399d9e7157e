import { expect, test } from "vitest";
import type { DesiredService } from "../../../src/domain/rollout/rollout.ts";
import { playMove } from "./play.ts";

const seeds = Array.from({ length: 8 }, (_, i) => i + 1);

test("a service that moves answers throughout and leaves nothing where it was, whichever way each move ends", async () => {
  const ends = new Set<string>();
  for (const seed of seeds) {
    const { found, moves } = await playMove({ seed });
    expect({ seed, found }).toEqual({ seed, found: undefined });
    for (const phase of moves) ends.add(phase);
  }
  expect([...ends].sort()).toEqual(expect.arrayContaining(["complete", "rolled-back"]));
}, 3_600_000);

const mutants: Readonly<
  Record<string, readonly [rule: string, mutate: (desired: DesiredService) => DesiredService]>
> = {
  "the target that is left is closed before the servers elsewhere serve": [
    "no-request-is-lost",
    (desired) =>
      desired.move && desired.rollout?.kind === "move"
        ? {
            ...desired,
            target: desired.move.target,
            move: { ...desired.move, target: desired.target, keptUntilMs: undefined },
          }
        : desired,
  ],
  "the target that was left is forgotten once the rollout is over": [
    "nothing-is-left",
    (desired) => (desired.rollout === undefined ? { ...desired, move: undefined } : desired),
  ],
  "the servers on the target that was left are kept for good": [
    "comes-to-rest",
    (desired) =>
      desired.move?.keptUntilMs === undefined
        ? desired
        : { ...desired, move: { ...desired.move, keptUntilMs: Number.MAX_SAFE_INTEGER } },
  ],
};

test.each(Object.entries(mutants))(
  "the simulation finds that %s",
  async (_name, [rule, mutate]) => {
    const rules = new Set<string>();
    for (const seed of seeds) {
      const { found } = await playMove({ seed, mutate });
      if (found?.rule === rule) return;
      if (found !== undefined) rules.add(found.rule);
    }
    expect.fail(`found by ${[...rules].join(", ") || "no rule"}`);
  },
  3_600_000,
);
