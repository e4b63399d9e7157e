import { expect, test } from "vitest";
import type { KilnEvent } from "../../domain/event.ts";
import { anAsker, aPolicy, minute } from "../../domain/testing.ts";
import { TestInstallation } from "../testing.ts";

/** Does this as soon as a pass has begun the first action that is like this, while the rest of its plan is still to come. */
function amid(t: TestInstallation, isLike: (event: KilnEvent) => boolean, act: () => void): void {
  const listening = t.store.subscribe((event) => {
    if (event.kind !== "action.intended" || !isLike(event)) return;
    listening[Symbol.dispose]();
    act();
  });
}

const resizes = (t: TestInstallation, release: number) =>
  t.store
    .events({ newest: 1000, kinds: ["action.intended"] })
    .filter(({ data }) => data.action === "resize" && data.release === release)
    .map(({ data }) => data.size);

test.each(["abort", "markRemoved"] as const)(
  "%s amid a plan leaves out what is left of it: the new release gets no servers",
  async (change) => {
    await using t = new TestInstallation();
    await t.deployed(1);
    amid(
      t,
      ({ data }) => data.action === "resize" && data.release === 1,
      () => t.store[change]("shop", anAsker()),
    );
    await t.deploy(2, { policy: aPolicy({ surge: 0, unavailable: 1, keepWarmMs: 0 }) });
    await t.clock.until(() => t.store.desired("shop")?.rollout === undefined, minute);
    expect(t.store.rollouts("shop")[0]?.phase).not.toBe("complete");
    expect(resizes(t, 2)).toEqual([]);
  },
);
