import { expect, test } from "vitest";
import { aStatus } from "../../controller/services/testing.ts";
import type { Rollout } from "../../domain/rollout/rollout.ts";
import { aFailure, aRollout } from "../../domain/testing.ts";
import type { Client } from "../api.ts";
import { cli } from "../test-kit.ts";

const failedJob = {
  ...{ name: "migrate", when: "before" as const, startedAtMs: 0, deadlineMs: 1 },
  end: {
    outcome: "failed" as const,
    atMs: 1,
    exitCode: 1,
    reason: "exited with code 1",
    logTail: ["no table"],
  },
};

/** What `rollout show` says of this one, which has ended. */
function show(overrides: Partial<Rollout>, failures = [1, 2, 3], ...options: readonly string[]) {
  const rollout = aRollout({ phase: "rolled-back", endedAtMs: 2_000, ...overrides });
  const client: Partial<Client> = {
    services: async () => [
      aStatus({ failures: failures.map((slot) => aFailure({ id: `shop-2-${slot}-1`, atMs: slot })) }),
    ],
    history: async () => ({ releases: [], rollouts: [{ ...rollout, phases: {} }] }),
    rollout: async () => rollout,
    events: async function* () {},
  };
  return cli(["rollout", "show", "shop", ...options], { client });
}

test.each(["shop-2-1-1 was not ready within 3.0 s", "root@vm aborted it"])(
  "names keep their letters, and the rollback is reported: %s",
  async (reason) => {
    expect((await show({ reason }, [], "-f")).stdout).toBe(
      `Rolled back shop, release 2 -> 1, after 2.0 s: ${reason}.\n  Release 1 serves as before.\n`,
    );
  },
);

test("failed servers that are not shown are counted", async () => {
  const { stderr } = await show({}, [1, 2, 3], "-f");
  expect(stderr).not.toContain("shop-2-1-1");
  expect(stderr).toMatch(
    /failed shop-2-2-1 .*failed shop-2-3-1 .*\n\nand 1 more: `kiln rollout show shop` shows them all/s,
  );
  expect((await show({}, [1, 2], "-f")).stderr).not.toContain("more:");
  expect((await show({})).stdout).toMatch(/failed shop-2-1-1 .*failed shop-2-2-1 .*failed shop-2-3-1 /s);
});

test("an empty line precedes each failed job and server", async () => {
  const { stdout } = await show({ jobs: [failedJob] }, [1]);
  expect(stdout).toMatch(
    /\n\nfailed job migrate .*\n {2}Last output:\n {2}\| no table\n\nfailed shop-2-1-1 /,
  );
});
