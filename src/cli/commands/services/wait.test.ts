import { expect, test } from "vitest";
import { aServer, aStatus } from "../../../controller/services/testing.ts";
import { aRollout } from "../../../domain/testing.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import type { Client, ServiceStatus } from "../../api.ts";
import { cli } from "../../test-kit.ts";

type Rollouts = Awaited<ReturnType<Client["history"]>>["rollouts"];

/** Waits for a service that has one of these statuses after the other, a minute apart, and then keeps the last. */
async function wait(
  args: readonly string[],
  seen: readonly (ServiceStatus | undefined)[],
  rollouts: Rollouts = [],
) {
  const left = [...seen];
  const services = async () => {
    const status = left.length > 1 ? left.shift() : left[0];
    return status === undefined ? [] : [status];
  };
  let elapsedMs = 0;
  const sleep = async () => {
    elapsedMs += 60_000;
  };
  const clock = { ...systemClock, elapsed: () => elapsedMs, sleep };
  const client = { services, history: async () => ({ releases: [], rollouts }) };
  return cli(["wait", "shop", ...args], { client, clock });
}

const going = aStatus({ rollout: aRollout() });
const starting = aStatus({ servers: [aServer(), aServer({ state: "starting" }), aServer()] });

test("ready: no rollout is under way, and every server works and has traffic", async () => {
  const outside = aStatus({ servers: [aServer(), aServer({ inTraffic: false }), aServer()] });
  for (const status of [going, starting, outside, aStatus({ removing: true })]) {
    expect(await wait(["--timeout", "5m"], [status])).toMatchObject({
      ...{ code: 1, stderr: expect.stringMatching(/timed_out.*After 300 s, shop is not ready/) },
    });
    expect(await wait([], [status, status, aStatus()])).toMatchObject({
      code: 0,
      stdout: "shop is ready.\n",
    });
  }
});

test("rollout: the exit code says how it ended", async () => {
  const ended = (phase: "complete" | "rolled-back") => [{ ...aRollout({ phase }), endedAtMs: 5, phases: {} }];
  expect(await wait(["--for", "rollout"], [going, aStatus()], ended("complete"))).toMatchObject({ code: 0 });
  expect(await wait(["--for", "rollout"], [going, starting], ended("rolled-back"))).toMatchObject({
    code: 4,
  });
});

test("removed: also when it was never there", async () => {
  for (const seen of [[aStatus(), undefined], [undefined]])
    expect(await wait(["--for", "removed"], seen)).toMatchObject({ code: 0, stdout: "shop is removed.\n" });
});

test("an unknown service is refused at once, and one that goes away ends the wait", async () => {
  expect((await wait([], [undefined])).stderr).toMatch(/service_unknown/);
  expect((await wait([], [going, going, undefined])).stderr).toMatch(/shop was removed meanwhile/);
  expect((await wait(["--for", "nothing"], [going])).code).toBe(2);
});

test("it may wait for seconds only, and never without an end", async () => {
  expect((await wait(["--timeout", "1s"], [going])).stderr).toContain("After 1 s, shop is not ready");
  for (const text of ["0s", "8d", "soon"])
    expect((await wait(["--timeout", text], [going])).stderr).toContain("Expected how long (30s, 5m, 1h)");
});
