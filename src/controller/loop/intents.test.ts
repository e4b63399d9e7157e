import { expect, test } from "vitest";
import type { Action } from "../../domain/rollout/actions.ts";
import { anAsker } from "../../domain/testing.ts";
import { KilnError } from "../../lib/errors.ts";
import { aStore } from "../../store/testing.ts";
import { TestInstallation } from "../testing.ts";
import { createIntents } from "./intents.ts";

const resize: Action = { kind: "resize", service: "shop", release: 2, size: 3, reason: "it serves" };
const route: Action = {
  ...{ kind: "route", service: "shop", reason: "a canary" },
  shares: [
    { release: 1, share: 0.875 },
    { release: 2, share: 0.125 },
  ],
};

function aRig() {
  const base = aStore();
  const { store } = base;
  const intents = createIntents(store);
  const told = () => store.events().map(({ kind, message }) => `${kind}: ${message}`);
  const done = (action: Action) => intents.during(action, async () => {});
  const failing = (action: Action, message: string) =>
    intents
      .during(action, () => Promise.reject(new KilnError("port_taken", message)))
      .catch((error: unknown) => (error as Error).message);
  return { ...base, store, intents, told, done, failing };
}

test("the intent is on the disk before the action begins, and the result names it", async () => {
  using t = aRig();
  await t.intents.during(resize, async () => {
    expect(t.told()).toEqual(["action.intended: release 2 to 3 servers: it serves."]);
  });
  expect(t.store.events()).toMatchObject([
    { service: "shop", data: { action: "resize", release: 2, size: 3, reason: "it serves" } },
    { service: "shop", kind: "action.done", data: { action: "resize", release: 2, size: 3, intent: 1 } },
  ]);
});

test("what is tried again and again is recorded once, and again when its result is another", async () => {
  using t = aRig();
  for (let pass = 1; pass <= 50; pass++) {
    t.intents.planned("shop", [route]);
    expect(await t.failing({ ...route, reason: `pass ${pass}` }, `pid ${pass} has it`)).toBe(
      `pid ${pass} has it`,
    );
  }
  await t.done(route);
  await t.done(route);
  const words = "traffic to release 1 (87.5 %), release 2 (12.5 %)";
  expect(t.told()).toEqual([
    `action.intended: ${words}: pass 1.`,
    `action.failed: ${words}: failed. pid 1 has it`,
    `action.done: ${words}: done.`,
  ]);
});

test("an action that comes again after it was not planned is another", async () => {
  using t = aRig();
  await t.done(resize);
  t.intents.planned("shop", [route]);
  await t.done(resize);
  t.intents.planned("blog", []);
  await t.done(resize);
  expect(t.told().length).toBe(4);
});

test("an action whose intent cannot be written is not begun", async () => {
  using t = aRig();
  t.store.close();
  let begun = false;
  const during = t.intents.during(resize, async () => {
    begun = true;
  });
  await expect(during).rejects.toThrow();
  expect(begun).toBe(false);
});

test("what changes nothing on the platform, or tells of itself, has no intent", async () => {
  using t = aRig();
  await t.done({ kind: "record", service: "shop", change: { kind: "gone" }, reason: "it is" });
  await t.done({ kind: "quarantine", service: "shop", server: "shop-1-1-1", reason: "it has drifted" });
  await t.done({ kind: "analyse", service: "shop", rollout: 1, reason: "time" });
  expect(t.told()).toEqual([]);
});

test("every action of a rollout has its intent before it and one result, and a service at rest adds nothing", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  await t.deployed(2);
  await t.clock.advance(30 * 60_000);
  const end = t.store.lastSequence();
  await t.clock.advance(60 * 60_000);
  expect(t.store.lastSequence()).toBe(end);
  const events = t.store.events();
  const intents = events.filter(({ kind }) => kind === "action.intended");
  const results = events.filter(({ kind }) => kind === "action.done");
  expect(new Set(intents.map(({ data }) => data.action))).toEqual(new Set(["resize", "route"]));
  expect(results.map(({ data }) => data.intent)).toEqual(intents.map(({ sequence }) => sequence));
  const moved = events.filter(({ kind }) => kind === "rollout.moved").map(({ sequence }) => sequence);
  for (const sequence of moved)
    expect(intents.some((event) => event.data.action === "route" && event.sequence < sequence)).toBe(true);
  expect(t.store.log.check()).toBe(undefined);
});

test("a service that cannot be served adds a few entries, not one with every try", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  const before = t.store.lastSequence();
  t.platform.resize = () => Promise.reject(new KilnError("platform_unusable", "It is gone."));
  await t.controller.scale({ service: "shop", count: 5 }, anAsker("ada@example"));
  await t.clock.advance(60 * 60_000);
  const kinds = t.store.events({ after: before }).map(({ kind }) => kind);
  expect(kinds).toEqual(["service.scaled", "action.intended", "action.failed"]);
});
