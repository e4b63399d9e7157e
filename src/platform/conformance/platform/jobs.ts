import { expect } from "vitest";
import { call, eventually } from "../subject.ts";
import { linesOf } from "./conversation.ts";
import type { PlatformTest } from "./fixture.ts";

/** What runs outside of all groups: jobs and reproductions. */
export function jobTests(test: PlatformTest): void {
  test("a job runs outside of all groups and without traffic, and is seen to succeed", async ({
    subject,
    world,
    skip,
  }) => {
    const order = subject.job?.("fine");
    if (order === undefined) return skip("this subject has no jobs");
    await world.serve(1, 1);
    const id = await world.runJob(order);
    await world.runJob(order);
    const job = await world.jobEnded(id);
    expect(job).toMatchObject({ release: 1, rollout: 7, name: order.job.name, state: "succeeded" });
    expect(job.end).toMatchObject({ exitCode: 0, logTail: ["begun"] });
    await world.runJob(order);
    expect((await world.job(id))?.end).toEqual(job.end);
    expect(await world.group(1)).toMatchObject({ size: 1, failed: 0 });
    expect(await world.ids(1)).toHaveLength(1);
    const { logs } = subject.platform;
    if (logs !== undefined) expect(await linesOf(logs, id)).toEqual(["begun"]);
  });

  test("a job that fails tells how, and is not tried again", async ({ subject, world, skip }) => {
    const order = subject.job?.("failing");
    if (order === undefined) return skip("this subject has no jobs");
    const job = await world.jobEnded(await world.runJob(order));
    expect(job).toMatchObject({ state: "failed", end: { exitCode: 3, logTail: ["begun"] } });
    expect(job.end?.reason).toContain("exited with code 3");
    await subject.pause(500);
    expect((await world.job(job.id))?.end).toEqual(job.end);
  });

  test("a job is ended on demand, keeps its logs, and is forgotten with them", async ({
    subject,
    world,
    skip,
  }) => {
    const order = subject.job?.("endless");
    if (order === undefined) return skip("this subject has no jobs");
    const id = await world.runJob(order);
    await eventually(subject, "its start", async () => (await world.job(id))?.state === "running");
    await subject.platform.jobs?.end(id, call);
    await subject.platform.jobs?.end(id, call);
    expect(await world.jobEnded(id)).toMatchObject({ state: "failed" });
    await subject.platform.jobs?.forget(id, call);
    await subject.platform.jobs?.forget(id, call);
    expect(await world.job(id)).toBeUndefined();
    const { logs } = subject.platform;
    if (logs === undefined) return;
    await expect(linesOf(logs, id)).rejects.toMatchObject({ code: "server_unknown" });
  });

  test("a new controller finds running and ended jobs, and starts none again", async ({
    subject,
    world,
    skip,
  }) => {
    const { job, restart } = subject;
    if (job === undefined || restart === undefined) return skip("this subject has no jobs or no controller");
    const fine = await world.jobEnded(await world.runJob(job("fine")));
    const running = await world.runJob(job("endless"));
    await eventually(subject, "its start", async () => (await world.job(running))?.state === "running");
    await restart();
    await eventually(subject, "the ended one", async () => (await world.job(fine.id))?.end !== undefined);
    expect((await world.job(fine.id))?.end).toEqual(fine.end);
    await world.runJob(job("endless"));
    expect(await world.job(running)).toMatchObject({ state: "running" });
    await subject.platform.jobs?.end(running, call);
    expect((await world.jobEnded(running)).end?.logTail).toEqual(["begun"]);
  });

  test("a reproduction runs next to its server, in no group and without traffic, until it is destroyed", async ({
    subject,
    world,
    skip,
  }) => {
    const { restart } = subject;
    if (subject.platform.reproduce === undefined) return skip("this subject reproduces no servers");
    await world.serve(1, 1);
    const [server = ""] = await world.ids(1);
    const release = subject.release(1);
    const copies = async () => (await subject.platform.observe(call)).reproductions ?? [];
    for (const _ of [1, 2]) await subject.platform.reproduce(server, release, call);
    await eventually(subject, "its start", async () => (await copies())[0]?.state === "running");
    const before = await copies();
    expect(before).toMatchObject([{ reproduces: server, service: subject.service, release: 1 }]);
    expect(await world.ids(1)).toEqual([server]);
    expect(await world.group(1)).toMatchObject({ size: 1, remains: [], failed: 0 });
    if (subject.request) for (const _ of [1, 2, 3]) expect(await subject.request()).toBe(1);
    if (restart) {
      await restart();
      await eventually(subject, "it again", async () => (await copies())[0]?.state === "running");
      expect(await copies()).toEqual(before);
    }
    for (const _ of [1, 2]) await subject.platform.destroy(before[0]?.id ?? "", call);
    expect(await copies()).toEqual([]);
    expect(await world.ids(1)).toEqual([server]);
  });
}
