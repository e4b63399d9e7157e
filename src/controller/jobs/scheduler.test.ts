import fc from "fast-check";
import { expect, test } from "vitest";
import { draftOf } from "../../domain/rollout/release.ts";
import type { ScheduleSpec } from "../../domain/spec/job-spec.ts";
import { anAsker, aRelease, minute, second } from "../../domain/testing.ts";
import "../../lib/time/schedule.ts"; // loaded before time passes
import { parseJobId } from "../../platform/fleet/server-id.ts";
import { TestInstallation } from "../testing.ts";

const tick: ScheduleSpec = {
  ...{ name: "tick", schedule: "* * * * *", timeZone: "UTC", command: ["/app", "tick"] },
  ...{ overlap: "skip", deadlineMs: 30 * minute, keep: 100 },
};

async function installed(...schedules: readonly ScheduleSpec[]): Promise<TestInstallation> {
  const it = new TestInstallation();
  // Just after a full minute, so that none passes meanwhile.
  await it.clock.advance(minute - (it.clock.now() % minute) + second);
  const draft = { ...draftOf(aRelease(1)), files: [], ...(schedules.length === 0 ? {} : { schedules }) };
  await it.deployed(1, { draft });
  await it.clock.advance(6 * second);
  return it;
}

/** Runs of the job whose processes run now, on the machine itself. */
function running(it: TestInstallation, name = "tick"): number {
  return [...it.world.servers].filter(
    ([id, { record }]) => parseJobId(id)?.name === name && record.state === "running",
  ).length;
}

/** How often each run has been started. */
function starts(it: TestInstallation, name = "tick"): number[] {
  return [...it.world.starts].flatMap(([id, times]) => (parseJobId(id)?.name === name ? [times] : []));
}

function events(it: TestInstallation, kind: string) {
  return it.store.events().filter((event) => event.kind === kind);
}

const jobs = (it: TestInstallation) => it.controller.jobs({ service: "shop" });

test("a job runs at each of its times, by the release that serves, and its runs are kept", async () => {
  await using it = await installed({ ...tick, keep: 2 });
  await it.clock.advance(3 * minute);
  expect(starts(it)).toEqual([1, 1, 1]);
  const [job] = await jobs(it);
  expect(job).toMatchObject({ job: "tick", failedInARow: 0, schedule: { times: "* * * * *" } });
  expect(job?.runs).toMatchObject([
    { id: 2, state: "succeeded", release: 1 },
    { id: 3, state: "succeeded", end: { exitCode: 0 } },
  ]);
  expect((job?.runs[1]?.dueAtMs ?? 1) % minute).toBe(0);
  await it.clock.advance(10 * second);
  expect((await it.status()).jobs).toHaveLength(2);
  expect(events(it, "job.started")).toHaveLength(3);
});

test.each([
  ["skip", 1, 3],
  ["allow", 3, 0],
  ["replace", 1, 0],
] as const)("a job that takes longer than its schedule: %s", async (overlap, atOnce, skipped) => {
  await using it = await installed({ ...tick, overlap });
  it.world.behave("tick", { exitAfterMs: 2.5 * minute, exitCode: 0 });
  let most = 0;
  await it.clock.advance(5.4 * minute, () => {
    most = Math.max(most, running(it));
  });
  expect(most).toBe(atOnce);
  expect(events(it, "job.skipped")).toHaveLength(skipped);
  if (overlap === "replace") expect(events(it, "job.stopped").length).toBeGreaterThanOrEqual(4);
});

test("times that come while no controller runs are reported, and run once", async () => {
  await using it = await installed(tick);
  await it.clock.advance(minute);
  await it.stop();
  await it.clock.advance(7 * minute + 10 * second);
  it.start();
  await it.clock.advance(20 * second);
  expect(events(it, "job.missed")).toMatchObject([{ data: { job: "tick", missed: 6 } }]);
  expect(starts(it)).toEqual([1, 1]);
  await it.clock.advance(minute);
  expect(starts(it)).toEqual([1, 1, 1]);
});

test("a schedule that changes, or comes back, misses nothing", async () => {
  await using it = await installed(tick);
  const draft = { ...draftOf(aRelease(2)), files: [] };
  await it.deployed(2, { draft });
  await it.clock.advance(5 * minute);
  const before = starts(it).length;
  await it.deployed(3, { draft: { ...draft, version: "3", schedules: [tick] } });
  await it.clock.advance(minute);
  expect(events(it, "job.missed")).toEqual([]);
  expect(starts(it).length).toBeLessThanOrEqual(before + 2);
});

test("a job that keeps failing is a warning of its service, until it succeeds", async () => {
  await using it = await installed(tick);
  it.world.behave("tick", { exitAfterMs: 10, exitCode: 3, lines: ["no space"] });
  await it.clock.advance(2 * minute + 5 * second);
  expect((await it.status()).warnings).toMatchObject([
    { message: expect.stringMatching(/^Job tick has failed 2 times in a row: it exited with code 3/) },
  ]);
  it.world.behave("tick", { exitAfterMs: 10, exitCode: 0 });
  await it.clock.advance(minute);
  expect((await it.status()).warnings).toEqual([]);
});

test("a run that does not end in time is ended, and has failed", async () => {
  await using it = await installed({ ...tick, schedule: "@hourly", deadlineMs: minute });
  it.world.behave("tick", { exitAfterMs: Number.POSITIVE_INFINITY });
  await it.controller.runJob({ service: "shop", job: "tick" }, anAsker());
  await it.clock.advance(2 * minute + 10 * second);
  expect(running(it)).toBe(0);
  const [job] = await jobs(it);
  expect(job?.runs).toMatchObject([{ state: "failed", end: { reason: "did not end within 60 s" } }]);
});

test("a run whose deadline passed long ago, while no controller ran, is ended before the next one begins", async () => {
  await using it = await installed({
    ...tick,
    schedule: "*/5 * * * *",
    overlap: "replace",
    deadlineMs: minute,
  });
  it.world.behave("tick", { exitAfterMs: Number.POSITIVE_INFINITY });
  await it.clock.until(async () => running(it) === 1, 6 * minute);
  await it.stop();
  await it.clock.advance(5 * minute);
  it.start();
  await it.clock.advance(30 * second, () => expect(running(it)).toBeLessThanOrEqual(1));
  await it.clock.advance(2 * minute);
  expect(running(it)).toBe(0);
  expect(starts(it)).toEqual([1, 1]);
});

test("a run that cannot be forgotten is reported, and holds up neither rollouts nor the next runs", async () => {
  await using it = await installed({ ...tick, keep: 1 });
  it.world.fault = ({ operation, subject }) =>
    operation === "destroy" && parseJobId(subject ?? "") !== undefined ? "fail" : "none";
  await it.clock.advance(3 * minute);
  expect((await it.status()).trouble).toBeDefined();
  const draft = { ...draftOf(aRelease(2)), files: [], schedules: [tick] };
  expect(await it.deployed(2, { draft })).toMatchObject({ serving: { number: 2 } });
  const before = starts(it).length;
  await it.clock.advance(2 * minute);
  expect(starts(it).length).toBeGreaterThan(before);
});

test.each(["allow", "replace"] as const)(
  "while the target is down one run waits at most: %s",
  async (overlap) => {
    await using it = await installed({ ...tick, overlap });
    const waiting = () =>
      (it.store.desired("shop")?.runs ?? []).filter((run) => run.startedAtMs === undefined && !run.end);
    it.world.fault = () => "fail";
    await it.clock.advance(5 * minute, () => expect(waiting().length).toBeLessThanOrEqual(1));
    const before = starts(it).length;
    it.world.fault = () => "none";
    await it.clock.advance(30 * second);
    expect(starts(it).length).toBe(before + 1);
    expect(events(it, "job.missed").length).toBeGreaterThanOrEqual(3);
    expect(waiting()).toEqual([]);
  },
);

test("a clock that was ahead silences no schedule, and repeats no time", async () => {
  await using it = await installed(tick);
  it.clock.set(24 * 60 * minute);
  await it.clock.advance(2 * minute);
  it.clock.set(-24 * 60 * minute);
  const before = starts(it).length;
  await it.clock.advance(3 * minute);
  expect(starts(it).length).toBe(before + 3);
  expect(events(it, "job.rescheduled")).toMatchObject([{ data: { job: "tick" } }]);
  it.clock.set(-2 * minute);
  await it.clock.advance(2 * minute);
  expect(starts(it).length).toBe(before + 3);
  await it.clock.advance(minute);
  expect(starts(it).length).toBe(before + 4);
});

test("however many times were missed, the job runs once for them", async () => {
  await using it = await installed({ ...tick, schedule: "*/5 * * * *" });
  const before = starts(it).length;
  await it.stop();
  await it.clock.advance(36 * 24 * 60 * minute);
  it.start();
  await it.clock.advance(20 * second);
  expect(starts(it).length).toBe(before + 1);
  expect(events(it, "job.missed")).toHaveLength(1);
});

test("a command runs once, whatever its name, and is refused where nothing serves or no job has the name", async () => {
  await using it = await installed();
  await it.controller.runJob({ service: "shop", command: ["/app", "export"] }, anAsker("ada"));
  await it.clock.advance(5 * second);
  expect(starts(it, "run")).toEqual([1]);
  const [job] = await jobs(it);
  expect(job).toMatchObject({ job: "run", schedule: undefined });
  expect(job?.runs).toMatchObject([{ state: "succeeded", askedBy: "ada", command: ["/app", "export"] }]);
  await expect(it.controller.runJob({ service: "shop", job: "tick" }, anAsker())).rejects.toMatchObject({
    code: "job_unknown",
  });
  await it.controller.remove({ service: "shop" }, anAsker());
  await it.clock.until(async () => it.store.desired("shop") === undefined, 10 * minute);
  expect([...it.world.servers]).toEqual([]);
});

/** A stop of the controller for so long, after so long. */
const pause = fc.record({
  afterMs: fc.integer({ min: 0, max: 3 * minute }),
  forMs: fc.integer({ min: 0, max: 4 * minute }),
});

test("whatever fails and whenever the controller ends: never two at once, and never twice for one time", async () => {
  const run = fc.asyncProperty(
    fc.array(pause, { maxLength: 4 }),
    fc.integer({ min: 10, max: 3 * minute }),
    fc.array(fc.constantFrom("none", "fail", "lose"), { minLength: 1, maxLength: 12 }),
    async (pauses, takesMs, faults) => {
      await using it = await installed(tick);
      it.world.behave("tick", { exitAfterMs: takesMs, exitCode: 0 });
      let calls = 0;
      it.world.fault = ({ operation }) =>
        operation === "runJob" || operation === "stop" ? (faults[calls++ % faults.length] ?? "none") : "none";
      const never = () => expect(running(it)).toBeLessThanOrEqual(1);
      for (const { afterMs, forMs } of pauses) {
        await it.clock.advance(afterMs, never);
        await it.stop();
        await it.clock.advance(forMs, never);
        it.start();
      }
      await it.clock.advance(5 * minute, never);
      expect(Math.max(1, ...starts(it))).toBe(1);
      const dues = (await jobs(it)).flatMap(({ runs }) => runs.map(({ dueAtMs }) => dueAtMs));
      expect(new Set(dues).size).toBe(dues.length);
    },
  );
  await fc.assert(run, { numRuns: 8 });
});
