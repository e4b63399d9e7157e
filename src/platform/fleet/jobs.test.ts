import { expect, test } from "vitest";
import { call, release, TestFleet } from "../fake/testing.ts";

test("a job whose creation does not end holds a caller that forgets it no longer than the caller waits", async () => {
  await using fleet = new TestFleet();
  fleet.world.fault = ({ operation }) =>
    operation === "runJob" || operation === "destroy" ? "fail" : "none";
  const { jobs } = fleet.platform;
  const job = { name: "tick", command: ["/app", "tick"], deadlineMs: 60_000 };
  await jobs?.run({ release: release(1), rollout: 0, run: 1, job }, call);
  await fleet.clock.advance(2_000);
  const seen = (await fleet.platform.observe(call)).jobs?.[0];
  expect(seen?.state).toBe("creating");
  const limit = new AbortController();
  const forgotten = jobs?.forget(seen?.id ?? "", { ...call, signal: limit.signal });
  limit.abort();
  await expect(forgotten).rejects.toMatchObject({ code: "timed_out" });
});
