import { expect, test } from "vitest";
import { anAsker } from "../../domain/testing.ts";
import type { Store } from "../store.ts";
import { aDraft, aStore, begin, finish } from "../testing.ts";

const by = anAsker("ada@example.com");
const service = "shop";
const origin = { commit: "0".repeat(40), dirty: false };

function serving(store: Store): void {
  store.addTarget({ name: "north", platform: "fake", options: {} }, by);
  const { release, rollout } = begin(store, aDraft(1));
  finish(store, rollout, "complete");
  const { policy, steps } = rollout;
  finish(store, store.startDeploy({ release, count: 3, policy, steps, by, origin }), "complete");
}

function move(store: Store) {
  return store.startMove({ service, target: "north", shared: true, by });
}

test("a move keeps what its release was deployed from", () => {
  using it = aStore();
  const { store } = it;
  serving(store);
  const rollout = move(store);
  finish(store, rollout, "complete");
  expect(store.desired(service)).toMatchObject({ target: "north", serving: 2 });
  expect(store.rollout(rollout.id)?.origin).toEqual(origin);
  expect(store.servingCommit(service)).toBe(origin.commit);
});

test("a deploy does not go to the release whose servers a move has placed elsewhere", () => {
  using it = aStore();
  const { store } = it;
  serving(store);
  finish(store, begin(store, aDraft(2)).rollout, "complete");
  finish(store, move(store), "rolled-back");
  const { policy, steps } = store.rollouts(service)[0] ?? expect.fail();
  finish(store, store.startRollback({ service, to: 1, policy, steps, by }), "complete");
  expect(store.desired(service)?.move).toMatchObject({ target: "north", release: 3 });
  expect(begin(store, aDraft(2)).release.number).toBe(4);
});

test("a move that is aborted leaves the service to its repository: it has brought nothing from there", () => {
  using it = aStore();
  const { store } = it;
  serving(store);
  const spec = { url: "https://git.example.com/shop", branch: "main", path: ".", intervalMs: 60_000 };
  store.sources.add(service, spec, by);
  move(store);
  store.abort(service, by);
  expect(store.sources.one(service).hold).toBeUndefined();
});

test("a move makes way for a deploy once someone has turned it back", () => {
  using it = aStore();
  const { store } = it;
  serving(store);
  move(store);
  expect(() => begin(store, aDraft(2), { supersede: true })).toThrow("is being moved");
  store.abort(service, by);
  begin(store, aDraft(2), { supersede: true });
  expect(store.desired(service)).toMatchObject({ target: "local", rollout: { to: 3 }, move: { release: 2 } });
});
