import { expect } from "vitest";
import { eventually } from "../subject.ts";
import type { PlatformTest } from "./fixture.ts";

/** Servers that end or never become healthy, and controllers that start again. */
export function failureTests(test: PlatformTest): void {
  test("a server that exits leaves its last words, and is replaced or started again", async ({
    subject,
    world,
    skip,
  }) => {
    if (subject.exiting === undefined) return skip("this subject has no exiting servers");
    await world.resize(subject.exiting(1), 1);
    const group = await eventually(subject, "two failures", async () => {
      const found = await world.group(1);
      return (found?.failed ?? 0) >= 2 && found;
    });
    expect(group.failures[0]).toMatchObject({
      kind: "exited",
      reason: expect.stringContaining("exited with code 3"),
    });
    expect(group.failures[0]?.logTail).toContain("last words");
    const keys = new Set(group.failures.map(({ id, restart = 0 }) => `${id} ${restart}`));
    expect(keys.size).toBe(group.failures.length);
    await world.resize(subject.exiting(1), 0);
    await world.gone(1);
  });

  test("a server that does not become healthy is given up with its last answers", async ({
    subject,
    world,
    skip,
  }) => {
    if (subject.unhealthy === undefined) return skip("this subject has no unhealthy servers");
    await world.resize(subject.unhealthy(1), 1);
    const failure = await eventually(subject, "a failure", async () => (await world.group(1))?.failures[0]);
    expect(failure).toMatchObject({
      kind: "unready",
      reason: expect.stringContaining("was not ready within"),
    });
    expect(failure.probes.length).toBeGreaterThan(0);
  });

  test("a server whose process is killed is replaced or started again, and costs no request", async ({
    subject,
    world,
    skip,
  }) => {
    if (subject.kill === undefined) return skip("this subject kills no servers");
    const [id = ""] = await world.serve(1, 2);
    world.asking = true;
    await subject.kill(id);
    await eventually(subject, "the failure", async () => (await world.group(1))?.failed === 1);
    await world.settled(1, 2);
    expect((await world.group(1))?.failures.map((failure) => failure.id)).toEqual([id]);
    if (subject.retries !== false) expect(world.lost).toBe(0);
  });

  test("a new controller finds servers and traffic as they were, and continues", async ({
    subject,
    world,
    skip,
  }) => {
    if (subject.restart === undefined) return skip("this subject has no controller to restart");
    const before = await world.serve(1, 2);
    await subject.restart();
    world.asking = true;
    expect(await world.ids(1)).toEqual(before);
    expect([undefined, 2]).toContain((await world.group(1))?.size);
    expect((await world.group(1))?.share).toBeCloseTo(1, 2);
    await world.resize(1, 2);
    await subject.pause(500);
    expect((await world.servers(1)).map((s) => [s.id, s.state])).toEqual(before.map((id) => [id, "ready"]));
    await world.raise(2, 1);
    await world.route([[2, 1]]);
    await world.resize(1, 0);
    await world.gone(1);
    expect(world.lost).toBe(0);
  });
}
