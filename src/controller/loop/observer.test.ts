import { expect, test } from "vitest";
import type { Observation } from "../../domain/observation.ts";
import { KilnError } from "../../lib/errors.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import { Observer } from "./observer.ts";

const seen: Observation = { groups: [], routed: [] };

/** An observer whose looks take as long as the last number that was given, or fail. */
function anObserver(clock: FakeClock, ...takesMs: readonly number[]) {
  const left = [...takesMs];
  let looks = 0;
  const observer = new Observer({
    name: "north",
    clock,
    look: async () => {
      looks++;
      const ms = (left.length > 1 ? left.shift() : left[0]) ?? 0;
      if (ms < 0) throw new KilnError("timed_out", "The line is dead.", { hint: "Mend it." });
      await clock.sleep(ms);
      return seen;
    },
  });
  return { observer, looks: () => looks };
}

test("everyone who asked before a look began is served by it", async () => {
  const clock = new FakeClock();
  const { observer, looks } = anObserver(clock, 100);
  const first = observer.observe();
  await clock.advance(50);
  const others = [observer.observe(), observer.observe(), observer.glance()];
  await clock.settle(Promise.all([first, ...others]));
  expect(looks()).toBe(2);
});

test("a target that answers slowly is waited for; one look without an answer is not", async () => {
  const clock = new FakeClock();
  const { observer } = anObserver(clock, 4_000, 4_500, Number.POSITIVE_INFINITY);
  void observer.observe();
  await clock.advance(3_000);
  expect(await clock.settle(observer.glance())).toEqual({ observation: seen, trouble: undefined });
  expect(clock.elapsed()).toBe(8_500);
  const { trouble } = await clock.settle(observer.glance());
  expect(trouble).toEqual({
    ...{ message: "It has not answered for 5 s.", hint: expect.any(String), sinceMs: 8_500 },
  });
  expect(clock.elapsed()).toBe(13_500);
  expect((await clock.settle(observer.glance())).observation).toBe(seen);
  expect(clock.elapsed()).toBe(13_500);
  expect(() => observer.requireAnswer()).toThrow(
    "The target north cannot be seen. It has not answered for 5 s.",
  );
  await expect(clock.settle(observer.see())).rejects.toMatchObject({
    code: "target_unreachable",
    retry: true,
  });
  expect(clock.elapsed()).toBe(23_500);
});

test("a look that fails is the trouble until one succeeds, since its first failure", async () => {
  const clock = new FakeClock(1_000);
  const { observer } = anObserver(clock, -1, -1, 0);
  expect((await observer.glance()).trouble?.sinceMs).toBe(1_000);
  await clock.advance(500);
  await expect(observer.see()).rejects.toMatchObject({
    ...{ code: "target_unreachable", message: "The target north cannot be seen. The line is dead." },
    hint: "Mend it.",
  });
  expect(observer.trouble?.sinceMs).toBe(1_000);
  expect(await clock.settle(observer.see())).toBe(seen);
  expect(observer.trouble).toBeUndefined();
});
