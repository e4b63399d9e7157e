import { expect } from "vitest";
import { reachable } from "../../../domain/rollout/split.ts";
import { call } from "../subject.ts";
import type { PlatformTest } from "./fixture.ts";

/** Who gets the requests: shares, ways in, previews. */
export function trafficTests(test: PlatformTest): void {
  test("a service is reached at an address as long as it has a way in", async ({ world }) => {
    await world.serve(1, 1);
    expect(await world.addresses()).not.toEqual([]);
    await world.route([]);
    expect(await world.addresses()).toEqual([]);
  });

  test("servers have no traffic before it is given to them, and all of it afterwards", async ({
    subject,
    world,
  }) => {
    await world.raise(1, 2);
    expect((await world.servers(1)).map((s) => s.inTraffic)).toEqual([false, false]);
    await world.route([[1, 1]]);
    const observed = await subject.platform.observe(call);
    expect(observed.routed).toContain(subject.service);
    expect((await world.group(1))?.share).toBeCloseTo(1, 2);
    expect((await world.servers(1)).map((s) => s.inTraffic)).toEqual([true, true]);
    expect(await world.ask(4)).toEqual(new Set([1]));
  });

  test("a switch is done when route resolves, and the old servers stay for the way back", async ({
    world,
  }) => {
    await world.serve(1, 2);
    await world.raise(2, 2);
    await world.route([[2, 1]]);
    expect(await world.ask(8)).toEqual(new Set([2]));
    expect((await world.servers(1)).map((s) => [s.state, s.inTraffic])).toEqual(
      Array(2).fill(["ready", false]),
    );
    await world.route([[1, 1]]);
    expect(await world.ask(8)).toEqual(new Set([1]));
    expect([(await world.group(1))?.share, (await world.group(2))?.share]).toEqual([1, 0]);
  });

  test("two releases share the traffic, as finely as the platform can", async ({ subject, world }) => {
    await world.raise(1, 2);
    await world.raise(2, 1);
    await world.route([
      [1, 0.6],
      [2, 0.4],
    ]);
    expect(await world.ask(40)).toEqual(new Set([1, 2]));
    const asked = [1, 2].map((release) => ({ release, share: release === 1 ? 0.6 : 0.4 }));
    const expected = reachable(asked, subject.platform.split, (release) => 3 - release);
    for (const { release, share } of expected)
      expect((await world.group(release))?.share).toBeCloseTo(share, 1);
  });

  test("no request is lost while servers come and go", async ({ world }) => {
    await world.serve(1, 3);
    world.asking = true;
    await world.raise(1, 1);
    await world.raise(2, 2);
    await world.route([[2, 1]]);
    await world.resize(1, 0);
    await world.gone(1);
    expect(world.lost).toBe(0);
  });

  test("a preview reaches one release while another has the traffic, and none when it is closed", async ({
    subject,
    world,
    skip,
  }) => {
    if (subject.platform.preview === undefined) return skip("this platform has no previews");
    await world.serve(1, 1);
    expect(await world.previewed()).toBeUndefined();
    await world.raise(2, 2);
    await world.preview(2);
    await world.preview(2);
    expect(await world.previewed()).toBe(2);
    expect([await world.ask(4), (await world.group(2))?.share]).toEqual([new Set([1]), 0]);
    expect((await world.servers(2)).map((s) => s.inTraffic)).toEqual([false, false]);
    await world.route([[2, 1]]);
    await world.preview(undefined);
    expect(await world.previewed()).toBeUndefined();
    expect(await world.ask(4)).toEqual(new Set([2]));
    expect((await subject.platform.observe(call)).routed).toEqual([subject.service]);
  });

  test("a preview loses its servers with its release, and its port with the way in", async ({
    subject,
    world,
    skip,
  }) => {
    if (subject.platform.preview === undefined) return skip("this platform has no previews");
    await world.serve(1, 1);
    await world.raise(2, 1);
    await world.preview(2);
    await world.resize(2, 0);
    await world.gone(2);
    if (subject.requestPreview !== undefined) expect(await subject.requestPreview()).toBeUndefined();
    await world.preview(undefined);
    await world.route([]);
    expect((await subject.platform.observe(call)).routed).not.toContain(subject.service);
  });

  test("closing the way in keeps the servers", async ({ subject, world }) => {
    const before = await world.serve(1, 1);
    await world.route([]);
    expect((await subject.platform.observe(call)).routed).not.toContain(subject.service);
    expect(await world.ids(1)).toEqual(before);
  });
}
