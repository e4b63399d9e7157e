import { expect, test } from "vitest";
import { aStatus } from "../../controller/services/testing.ts";
import { aRollout } from "../../domain/testing.ts";
import { KilnError } from "../../lib/errors.ts";
import { systemClock } from "../../lib/time/clock.ts";
import type { Client, KilnEvent } from "../api.ts";
import { cli } from "../test-kit.ts";

const nowMs = 60_000;
const event = (sequence: number, atMs: number): KilnEvent => {
  return { sequence, atMs, service: "shop", kind: "x.y", message: `Event at ${atMs}.`, data: {} };
};

/** A rollout that began at 0 and was met at 60 s; it ends at 61 s, and more happens to the service afterwards. */
function follow(...argv: readonly string[]) {
  const running = aRollout({ phase: "forward" });
  let looks = 0;
  const client: Partial<Client> = {
    services: async () => [aStatus({ rollout: running })],
    rollout: async () => (looks++ < 2 ? running : aRollout({ phase: "complete", endedAtMs: nowMs + 1_000 })),
    events: async function* (_, { signal } = {}) {
      yield event(1, 0);
      yield event(2, nowMs - 1);
      yield event(3, nowMs + 500);
      while (looks < 3) await systemClock.sleep(1);
      yield event(4, nowMs + 2_000);
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    },
    resume: async () => running,
    promote: async () => running,
    abort: async () => running,
  };
  return cli(argv, { client, clock: { ...systemClock, now: () => nowMs } });
}

test.each([["show", "-f"], ["resume"], ["promote"], ["abort"]])(
  "rollout %s tells what happens from then on, until the rollout's end",
  async (command, ...options) => {
    const { stderr } = await follow("rollout", command, "shop", ...options.filter((o) => o !== undefined));
    expect(stderr.trim().split("\n")).toEqual(["1 min 1 s  Event at 60500."]);
  },
);

test("a controller elsewhere that stays away is asked with pauses, and given up", async () => {
  let elapsedMs = 0;
  let looks = 0;
  const running = aRollout({ phase: "forward" });
  const gone = async () => {
    throw new KilnError("controller_unreachable", "No controller answers at /far.sock.");
  };
  const client: Partial<Client> = {
    services: async () => [aStatus({ rollout: running })],
    rollout: async () => (looks++ < 2 ? running : gone()),
    // biome-ignore lint/correctness/useYield: a stream that never begins
    events: async function* () {
      await gone();
    },
    resume: async () => running,
  };
  const sleep = async (ms: number) => {
    elapsedMs += ms;
  };
  const { code, stderr } = await cli(["rollout", "resume", "shop"], {
    ...{ client, env: { KILN_CONTROLLER: "/far.sock" } },
    clock: { ...systemClock, elapsed: () => elapsedMs, sleep },
  });
  expect(code).toBe(1);
  expect(stderr.match(/does not answer; asking it again/g)).toHaveLength(1);
  expect(stderr).toContain("No controller answers at /far.sock.");
  expect(elapsedMs).toBeGreaterThan(60_000);
  expect(looks).toBeLessThan(1_000);
});
