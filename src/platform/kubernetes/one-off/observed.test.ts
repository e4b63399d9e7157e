import { expect, test } from "vitest";
import { aRelease } from "../../../domain/testing.ts";
import { key } from "../objects/names.ts";
import { at, bornMs, pod, view } from "../view/testing.ts";
import { hopelessIn, isOver, jobsIn, reproductionsIn } from "./observed.ts";
import { copyPod, jobPod } from "./one-off.ts";

const labels = { [key.oneOff]: "job", [key.member]: undefined, [key.serving]: undefined };
const annotations = { [key.job]: "migrate", [key.rollout]: "7" };
const terminated = (exitCode: number) => ({
  state: { terminated: { exitCode, startedAt: at(1), finishedAt: at(3) } },
});

function job(name: string, more: Parameters<typeof pod>[1] = {}) {
  return pod(name, { labels, ready: false, ...more, annotations: { ...annotations, ...more.annotations } });
}

function seen(one: ReturnType<typeof job>, afterMs = 10_000) {
  const [found] = jobsIn(
    view({ oneOffs: [one], nowMs: bornMs + afterMs }),
    new Map([[one.metadata.uid, ["begun"]]]),
  );
  return found;
}

test("a job is what its pod is, and its container's exit code decides", () => {
  const waiting = { state: { waiting: { reason: "ContainerCreating" } } };
  expect(seen(job("a", { container: waiting }))).toMatchObject({
    state: "creating",
    name: "migrate",
    rollout: 7,
  });
  const content = { [key.content]: "pending" };
  expect(seen(job("a", { container: waiting, annotations: content }))).toMatchObject({ state: "unstarted" });
  expect(seen(job("a"))).toMatchObject({ state: "running", end: undefined });
  expect(seen(job("a", { container: terminated(0), status: { phase: "Succeeded" } }))).toMatchObject({
    state: "succeeded",
    end: { atMs: bornMs + 3000, exitCode: 0, logTail: ["begun"] },
  });
  expect(seen(job("a", { container: terminated(3), status: { phase: "Failed" } }))).toMatchObject({
    state: "failed",
    end: { exitCode: 3, reason: "exited with code 3 after 2 s" },
  });
});

test("a job that is stopped runs on until its time to end is over, whatever its node says first", () => {
  const stopped = { [key.stoppedAt]: at(10) };
  const one = job("a", { annotations: stopped, status: { phase: "Failed", reason: "DeadlineExceeded" } });
  const graceMs = one.spec.terminationGracePeriodSeconds * 1000;
  expect(seen(one, 10_000 + graceMs)).toMatchObject({ state: "running" });
  expect(seen(one, 16_000 + graceMs)).toMatchObject({
    state: "failed",
    end: { atMs: bornMs + 10_000, exitCode: undefined, reason: "was stopped" },
  });
});

test("a job that the cluster can never start is seen, one that still waits for its content is not", () => {
  const waiting = { state: { waiting: { reason: "ErrImagePull", message: "manifest not found" } } };
  expect(hopelessIn(job("a", { container: waiting }))).toContain("has no image: manifest not found");
  expect(
    hopelessIn(job("a", { container: waiting, annotations: { [key.content]: "pending" } })),
  ).toBeUndefined();
  const early = { state: { waiting: { reason: "CreateContainerConfigError", message: "secret not found" } } };
  expect(hopelessIn(job("a", { container: early }))).toBeUndefined();
  expect(isOver(view({}), job("a", { container: waiting, status: { phase: "Failed" } }))).toBe(true);
});

test("a copy of a server does not count as a job, and one that is being deleted is gone", () => {
  const copy = {
    labels: { ...labels, [key.oneOff]: "copy" },
    annotations: { [key.reproduces]: "shop-1-abcde" },
  };
  const there = view({ oneOffs: [pod("shop-1-abcde-copy", copy)] });
  expect(jobsIn(there, new Map())).toEqual([]);
  expect(reproductionsIn(there)).toMatchObject([
    { reproduces: "shop-1-abcde", release: 1, state: "running" },
  ]);
  const going = view({ oneOffs: [pod("shop-1-abcde-copy", { ...copy, deletionTimestamp: at(5) })] });
  expect(reproductionsIn(going)).toEqual([]);
});

test("each run of a job has one name, which is a host name and no other run's", () => {
  const release = aRelease(1);
  const order = (name: string, rollout: number, run?: number) => ({
    ...{ release, rollout, run },
    job: { name, command: ["true"], deadlineMs: 1000 },
  });
  const long = "a".repeat(70);
  const all = [order("migrate", 7), order("migrate", 8), order("migrate", 0, 7), order("Migrate", 7)];
  const names = [...all, order(long, 7), order(`${long}b`, 7)].map((each) => jobPod(each).name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  expect(copyPod("shop-1-abcde", release).name).toBe("shop-1-abcde-copy");
});
