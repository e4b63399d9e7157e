import { expect, test } from "vitest";
import { askerName } from "../domain/access/actor.ts";
import type { KilnEvent } from "../domain/event.ts";
import type { ReleaseDraft } from "../domain/rollout/release.ts";
import { defaultUpkeep } from "../domain/spec/upkeep-policy.ts";
import { aFailure, anAsker, aPolicy } from "../domain/testing.ts";
import { KilnError } from "../lib/errors.ts";
import type { Store } from "./store.ts";
import { aDraft, aStore, begin, deployed, finish } from "./testing.ts";

const by = anAsker("ada@example.com");
const kinds = (store: Store) => store.events().map((event) => event.kind);
const codeOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error instanceof KilnError ? error.code : error;
  }
  return "nothing was thrown";
};

test("a draft records nothing; a deploy records release, rollout and service at once", () => {
  using t = aStore();
  const drafted = t.store.draftRelease("shop", aDraft(1), askerName(by));
  expect(drafted).toMatchObject({ service: "shop", number: 1, createdAtMs: 1_000, createdBy: askerName(by) });
  expect([t.store.desired("shop"), t.store.events()]).toEqual([undefined, []]);

  const { rollout } = begin(t.store, aDraft(1));
  expect(t.store.desired("shop")).toEqual({
    service: "shop",
    target: "local",
    count: 3,
    releases: new Map([[1, drafted]]),
    serving: undefined,
    rollout,
    warm: [],
    drainMs: 30_000,
    upkeep: defaultUpkeep,
    unavailable: 0,
    alone: false,
    runs: [],
    taints: [],
    suspendedUntilMs: undefined,
    removed: false,
  });
  expect(rollout).toEqual({
    id: 1,
    service: "shop",
    kind: "deploy",
    from: undefined,
    to: 1,
    policy: aPolicy(),
    steps: [{ share: 1, holdMs: 0 }],
    phase: "forward",
    step: 0,
    startedAtMs: 1_000,
    startedBy: askerName(by),
    movedAtMs: undefined,
    highestReady: 0,
    progressAtMs: 1_000,
    origin: undefined,
    changes: [],
    judgedFromMs: 1_000,
    promoted: false,
    jobs: [],
    verdict: undefined,
    endedAtMs: undefined,
    reason: undefined,
  });
  expect(t.store.rollout(1)).toEqual(rollout);
  expect(kinds(t.store)).toEqual(["release.created", "rollout.started"]);
});

test("an equal draft makes no new release, whatever the order of its keys; the serving one goes first", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  finish(t.store, begin(t.store, aDraft(2)).rollout, "failed");
  const reversed = Object.fromEntries(Object.entries(aDraft(1)).toReversed()) as unknown as ReleaseDraft;
  expect(t.store.draftRelease("shop", reversed, askerName(by)).number).toBe(1);
  expect(t.store.draftRelease("shop", aDraft(2), askerName(by)).number).toBe(2);
  deployed(t.store, aDraft(3));
  expect(t.store.draftRelease("shop", aDraft(1), askerName(by)).number).toBe(4);
});

test("an environment variable more or less makes another release, and its value is in no event", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  const shape = { ...aDraft(1).shape, env: { TOKEN: "s3cret" } };
  expect(begin(t.store, aDraft(1, { shape })).release.number).toBe(2);
  expect(JSON.stringify(t.store.events())).not.toContain("s3cret");
});

test("a second deploy is refused with what runs and who started it, or supersedes it", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  const first = begin(t.store, aDraft(2)).rollout;
  const eventsBefore = kinds(t.store).length;
  expect(() => begin(t.store, aDraft(3))).toThrow(
    "A deploy of shop to release 2 is running; ada@example.com started it at 1970-01-01T00:00:01.000Z.",
  );
  expect([kinds(t.store).length, t.store.releases("shop").length]).toEqual([eventsBefore, 2]);

  const second = begin(t.store, aDraft(3), { supersede: true }).rollout;
  expect(second).toMatchObject({ from: 1, to: 3, phase: "forward" });
  expect(t.store.rollout(first.id)).toMatchObject({
    phase: "superseded",
    endedAtMs: 1_000,
    reason: "superseded by ada@example.com",
  });
});

test("on the way back to a release of which one server has the data, one is desired, whatever the failed deploy asked for", () => {
  using t = aStore();
  const plain = aDraft(2);
  const volumes = [{ name: "data", path: "/data", shared: false }];
  deployed(t.store, aDraft(1, { shape: { ...plain.shape, volumes } }));
  const asked = () => {
    const { count, alone } = t.store.desired("shop") ?? {};
    return { count, alone };
  };
  expect(asked()).toEqual({ count: 1, alone: true });
  const { rollout } = begin(t.store, plain);
  expect(asked()).toEqual({ count: 3, alone: false });
  t.store.abort("shop", by);
  expect(asked()).toEqual({ count: 1, alone: false });
  finish(t.store, rollout, "rolled-back");
  expect(asked()).toEqual({ count: 1, alone: true });
  deployed(t.store, plain);
  expect(asked()).toEqual({ count: 3, alone: false });
});

test("what was planned for a rollout that has been superseded or turned back changes nothing", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  const first = begin(t.store, aDraft(2)).rollout;
  begin(t.store, aDraft(3), { supersede: true });
  const before = t.store.desired("shop");
  const end = { kind: "end", phase: "complete", serving: 2, warm: [], atMs: 9 } as const;
  expect(t.store.apply("shop", { ...end, rollout: first.id }, "all ready")).toBe(false);
  expect(t.store.desired("shop")).toEqual(before);

  const aborted = t.store.abort("shop", by);
  expect(t.store.apply("shop", { ...end, rollout: aborted.id }, "all ready")).toBe(false);
  expect(t.store.apply("shop", { kind: "moved", rollout: aborted.id, atMs: 9 }, "ready")).toBe(false);
  expect(t.store.desired("shop")?.rollout).toEqual(aborted);
});

test("progress, moved and step are recorded one by one, each with its event", () => {
  using t = aStore();
  const { rollout } = begin(t.store, aDraft(1));
  const id = rollout.id;
  t.store.apply("shop", { kind: "progress", rollout: id, highestReady: 2, atMs: 11 }, "2 of 3 are ready");
  t.store.apply("shop", { kind: "moved", rollout: id, atMs: 12 }, "ready for all");
  expect(t.store.rollout(id)).toMatchObject({ highestReady: 2, progressAtMs: 11, movedAtMs: 12 });
  t.store.apply("shop", { kind: "step", rollout: id, step: 1, atMs: 13 }, "step 1 is done");
  expect(t.store.rollout(id)).toMatchObject({ step: 1, movedAtMs: undefined, progressAtMs: 13 });
  t.store.apply("shop", { kind: "pause", rollout: id }, "a server failed");
  expect(t.store.rollout(id)).toMatchObject({
    phase: "paused",
    reason: "a server failed",
    endedAtMs: undefined,
  });
  expect(kinds(t.store).slice(2)).toEqual([
    "rollout.progress",
    "rollout.moved",
    "rollout.step",
    "rollout.paused",
  ]);
  expect(t.store.events({ after: 2, limit: 1 })[0]).toEqual({
    sequence: 3,
    atMs: 1_000,
    service: "shop",
    kind: "rollout.progress",
    message: "The deploy of shop to release 1: 2 of 3 are ready.",
    data: {
      rollout: 1,
      to: 1,
      phase: "forward",
      step: 0,
      steps: 1,
      highestReady: 2,
      reason: "2 of 3 are ready",
    },
  });
});

test("the end hands over: serving, warm releases, the last good one", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  expect(t.store.lastGood("shop")).toBe(undefined);
  const { rollout } = begin(t.store, aDraft(2));
  finish(t.store, rollout, "complete", { warm: [{ release: 1, untilMs: 5_000 }] });
  expect(t.store.desired("shop")).toMatchObject({
    serving: 2,
    rollout: undefined,
    warm: [{ release: 1, untilMs: 5_000 }],
  });
  expect(t.store.rollout(rollout.id)).toMatchObject({
    phase: "complete",
    endedAtMs: 2_000,
    reason: undefined,
  });
  expect(t.store.lastGood("shop")).toBe(1);
  expect(t.store.apply("shop", { kind: "warm-over", release: 1 }, "its time is over")).toBe(true);
  expect(t.store.apply("shop", { kind: "warm-over", release: 1 }, "its time is over")).toBe(false);
  expect(t.store.desired("shop")?.warm).toEqual([]);
});

test("a release whose rollout was rolled back is not good, one that was aborted on the way is not judged", () => {
  using t = aStore();
  for (const n of [1, 2]) deployed(t.store, aDraft(n));
  finish(t.store, begin(t.store, aDraft(3)).rollout, "rolled-back");
  expect(t.store.desired("shop")?.serving).toBe(2);
  expect(t.store.lastGood("shop")).toBe(1);

  const back = { service: "shop", to: 1, policy: aPolicy(), steps: [{ share: 1, holdMs: 0 }], by };
  const aborted = t.store.startRollback(back);
  t.store.abort("shop", by);
  finish(t.store, aborted, "rolled-back");
  expect(t.store.rollout(aborted.id)).toMatchObject({
    phase: "rolled-back",
    kind: "rollback",
    from: 2,
    to: 1,
  });
  expect(t.store.lastGood("shop")).toBe(1);

  finish(t.store, t.store.startRollback(back), "failed");
  expect(t.store.lastGood("shop")).toBe(undefined);
});

test("abort turns back once, and says when there is nothing to abort", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  expect(codeOf(() => t.store.abort("shop", by))).toBe("rollout_none");
  begin(t.store, aDraft(2));
  const turned = t.store.abort("shop", by);
  expect(turned).toMatchObject({ phase: "back", reason: "ada@example.com aborted it", movedAtMs: undefined });
  const events = kinds(t.store).length;
  expect(t.store.abort("shop", by)).toEqual(turned);
  expect(kinds(t.store).length).toBe(events);
});

test("scaling and another policy are recorded with who asked; what is already so leaves no event", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  const events = kinds(t.store).length;
  expect([t.store.setCount("shop", 5, by), t.store.setCount("shop", 5, by)]).toEqual([3, 5]);
  const policy = aPolicy({ drainMs: 7 });
  t.store.setPolicy("shop", policy, by);
  t.store.setPolicy("shop", policy, by);
  expect(t.store.desired("shop")).toMatchObject({ count: 5, drainMs: 7 });
  expect(t.store.policy("shop")).toEqual(policy);
  expect(kinds(t.store).slice(events)).toEqual(["service.scaled", "service.policy"]);
  expect(codeOf(() => t.store.setCount("shopp", 1, by))).toBe("service_unknown");
});

test("a rehearsal shows what would be, and leaves nothing: no record, no event, no number", () => {
  using opened = aStore();
  const { store } = opened;
  deployed(store, aDraft(1));
  const heard: string[] = [];
  using _heard = store.subscribe(({ kind }) => void heard.push(kind));
  const before = [store.desired("shop"), store.events(), store.log.end()];
  const seen = store.rehearse((rehearsed) => {
    rehearsed.setCount("shop", 9, by);
    return [rehearsed.desired("shop")?.count, begin(rehearsed, aDraft(2)).rollout.id];
  });
  expect(seen).toEqual([9, 2]);
  const failing = () => store.rehearse((rehearsed) => rehearsed.markRemoved("nobody", by));
  expect(codeOf(failing)).toBe("service_unknown");
  expect([store.desired("shop"), store.events(), store.log.end(), heard]).toEqual([...before, []]);
  expect(begin(store, aDraft(2)).rollout.id).toBe(2);
  expect([heard.length > 0, store.log.check()]).toEqual([true, undefined]);
});

test("a removed service takes no orders, and is gone with all but its events", () => {
  using t = aStore();
  deployed(t.store, aDraft(1), "other");
  deployed(t.store, aDraft(1));
  const { rollout } = begin(t.store, aDraft(2));
  t.store.recordFailure("shop", aFailure());
  expect(t.store.apply("shop", { kind: "gone" }, "nothing is left")).toBe(false);
  t.store.markRemoved("shop", by);
  t.store.markRemoved("shop", by);
  expect(t.store.desired("shop")).toMatchObject({ removed: true, rollout: undefined });
  expect(t.store.rollout(rollout.id)?.phase).toBe("superseded");
  expect(codeOf(() => begin(t.store, aDraft(3)))).toBe("service_removing");
  expect(codeOf(() => t.store.setCount("shop", 1, by))).toBe("service_removing");

  expect(t.store.newestRollouts().get("shop")).toEqual(t.store.rollouts("shop", 1)[0]);
  expect(t.store.apply("shop", { kind: "gone" }, "nothing is left")).toBe(true);
  expect(t.store.newestRollouts().has("shop")).toBe(false);
  expect([t.store.desired("shop"), t.store.releases("shop"), t.store.rollouts("shop")]).toEqual([
    undefined,
    [],
    [],
  ]);
  expect([t.store.failures("shop"), t.store.rollout(rollout.id)]).toEqual([[], undefined]);
  expect(t.store.events({ service: "shop" }).at(-1)?.kind).toBe("service.gone");
  expect(t.store.desiredAll().map((d) => d.service)).toEqual(["other"]);
  expect(codeOf(() => t.store.markRemoved("shop", by))).toBe("service_unknown");

  const again = begin(t.store, aDraft(1));
  expect([again.release.number, again.rollout.id > rollout.id]).toEqual([1, true]);
});

test("a rollback to a release that is not kept is refused", () => {
  using t = aStore();
  const back = { service: "shop", to: 7, policy: aPolicy(), steps: [], by };
  expect(codeOf(() => t.store.startRollback(back))).toBe("service_unknown");
  deployed(t.store, aDraft(1));
  expect(codeOf(() => t.store.startRollback(back))).toBe("release_unknown");
});

test("desiredAll says of each service what desired says", () => {
  using t = aStore();
  for (const service of ["shop", "blog", "shop.staging"]) deployed(t.store, aDraft(1), service);
  finish(t.store, begin(t.store, aDraft(2), { service: "blog" }).rollout, "complete", {
    warm: [{ release: 1, untilMs: 9 }],
  });
  begin(t.store, aDraft(3));
  const all = t.store.desiredAll();
  expect(all.map((d) => d.service)).toEqual(["blog", "shop", "shop.staging"]);
  for (const desired of all) expect(desired).toEqual(t.store.desired(desired.service));
});

test("the newest 20 failures of each release are kept, each once", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  begin(t.store, aDraft(2));
  const failures = Array.from({ length: 25 }, (_, i) => aFailure({ id: `shop-2-1-${i + 1}`, atMs: i }));
  for (const failure of [...failures, ...failures.slice(-3)]) t.store.recordFailure("shop", failure);
  const other = aFailure({ id: "shop-1-1-1", release: 1, atMs: 99, logTail: ["bye"] });
  t.store.recordFailure("shop", other);
  expect(t.store.failures("shop", 2)).toEqual(failures.slice(5));
  expect(t.store.failures("shop")).toEqual([...failures.slice(5), other]);
  expect(kinds(t.store).filter((kind) => kind === "server.failed").length).toBe(26);
});

test("what was noticed of servers is recorded at once, and a failure once", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  const news = { service: "shop", kind: "server.ready", message: "shop-1-1-1 is ready.", data: {} };
  const failure = aFailure({ id: "shop-1-2-1", release: 1 });
  t.store.recordServers([news], [["shop", failure]]);
  t.store.recordServers([], [["shop", failure]]);
  expect(kinds(t.store).slice(3)).toEqual(["server.ready", "server.failed"]);
  expect(t.store.failures("shop")).toEqual([failure]);
});

test("images in use name the releases that hold them", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  deployed(t.store, aDraft(1, { version: "9" }));
  deployed(t.store, aDraft(1), "blog");
  expect([...t.store.imagesInUse()]).toEqual([
    [aDraft(1).image, ["blog release 1", "shop release 1", "shop release 2"]],
  ]);
});

test("listeners hear of what is on the disk, in order, until they are disposed", () => {
  using t = aStore();
  const heard: KilnEvent[] = [];
  {
    using _subscription = t.store.subscribe((event) => {
      expect(t.store.events({ after: event.sequence - 1, limit: 1 })[0]).toEqual(event);
      heard.push(event);
    });
    deployed(t.store, aDraft(1));
    begin(t.store, aDraft(2));
    expect(codeOf(() => begin(t.store, aDraft(3)))).toBe("rollout_running");
  }
  expect(heard).toEqual(t.store.events());
  t.store.appendEvent({ service: undefined, kind: "controller.started", message: "Hello.", data: {} });
  expect(heard.length).toBe(t.store.events().length - 1);
});

test("events are found by service and after a sequence number", () => {
  using t = aStore();
  deployed(t.store, aDraft(1));
  deployed(t.store, aDraft(1), "blog");
  const blog = t.store.events({ service: "blog" });
  expect(blog.every((event) => event.service === "blog")).toBe(true);
  expect(t.store.events({ service: "blog", after: blog[0]?.sequence ?? 0 })).toEqual(blog.slice(1));
  expect(t.store.events({ after: 999 })).toEqual([]);
  expect(t.store.events({ newest: 2 })).toEqual(t.store.events().slice(-2));
  expect(t.store.events({ newest: 2, service: "shop" }).map((event) => event.sequence)).toEqual([2, 3]);
  expect(t.store.events({ newest: 5, after: 5 }).map((event) => event.sequence)).toEqual([6]);
  expect([t.store.events({ newest: 0 }), t.store.lastSequence()]).toEqual([[], 6]);
});
