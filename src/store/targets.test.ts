import { expect, test } from "vitest";
import { localTarget } from "../domain/target.ts";
import { anAsker, aPolicy } from "../domain/testing.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import { Database } from "./sqlite/database.ts";
import { migrate } from "./sqlite/migrations.ts";
import { openStore } from "./store.ts";
import { aClock, aDatabasePath, aDraft, aStore, begin } from "./testing.ts";

const north = { name: "north", platform: "fake", options: { url: "unix:///run/north" } };

test("a target is added, found again with its options, and removed; each is an event", () => {
  using file = aDatabasePath();
  {
    using store = openStore(file.path, { clock: aClock() });
    expect(store.targets()).toEqual([localTarget]);
    store.addTarget(north, anAsker("ada"));
  }
  using store = openStore(file.path, { clock: aClock() });
  const added = { ...north, added: { atMs: 1_000, by: "ada" } };
  expect(store.targets()).toEqual([localTarget, added]);
  expect(store.target("north")).toEqual(added);
  store.removeTarget("north", { ...anAsker("bob"), reason: "moved" });
  expect(store.targets()).toEqual([localTarget]);
  expect(store.events().map(({ kind, message }) => [kind, message])).toEqual([
    ["target.added", "ada added the target north of the platform fake."],
    ["target.removed", "bob removed the target north: moved"],
  ]);
});

test("a name is given once, and an unknown one is named with the one that was meant", () => {
  using it = aStore();
  it.store.addTarget(north, anAsker());
  expect(() => it.store.addTarget(north, anAsker())).toThrow(
    expect.objectContaining({ code: "target_taken" }),
  );
  expect(() => it.store.addTarget({ ...north, name: "local" }, anAsker())).toThrow(
    expect.objectContaining({ code: "target_taken" }),
  );
  expect(() => it.store.target("nroth")).toThrow(
    expect.objectContaining({
      code: "target_unknown",
      hint: "Did you mean north? `kiln target ls` lists the targets.",
    }),
  );
  expect(() => it.store.removeTarget("elsewhere", anAsker())).toThrow(
    expect.objectContaining({
      code: "target_unknown",
      hint: "There are: local, north. `kiln target add` adds one.",
    }),
  );
});

test("neither `local` nor a target with services on it can be removed", () => {
  using it = aStore();
  it.store.addTarget(north, anAsker());
  begin(it.store, aDraft(1), { service: "shop", target: "north" });
  begin(it.store, aDraft(1), { service: "blog.staging", target: "north" });
  begin(it.store, aDraft(1), { service: "other" });
  expect(it.store.desired("shop")?.target).toBe("north");
  expect(it.store.desired("other")?.target).toBe("local");
  expect(() => it.store.removeTarget("local", anAsker())).toThrow(
    expect.objectContaining({ code: "target_in_use" }),
  );
  expect(() => it.store.removeTarget("north", anAsker())).toThrow(
    expect.objectContaining({
      code: "target_in_use",
      message: "The target north has services on it: blog.staging, shop.",
      hint: "`kiln move SERVICE --target TARGET` moves one; `kiln remove SERVICE` removes it. `kiln status SERVICE` shows what of it is here. Where the target is dead, `kiln move SERVICE --give-up north` gives up what a service that has moved has here.",
    }),
  );
});

test("a service is made on a known target only, and stays where it was made", () => {
  using it = aStore();
  expect(() => begin(it.store, aDraft(1), { target: "north" })).toThrow(
    expect.objectContaining({ code: "target_unknown" }),
  );
  expect(it.store.desired("shop")).toBeUndefined();
  it.store.addTarget(north, anAsker());
  begin(it.store, aDraft(1), { target: "north" });
  begin(it.store, aDraft(2), { supersede: true, target: "local" });
  it.store.setCount("shop", 7, anAsker());
  expect(it.store.desiredAll().map(({ target, count }) => [target, count])).toEqual([["north", 7]]);
});

test("services of a database from before there were targets are on `local`", () => {
  using file = aDatabasePath();
  {
    using db = new Database(file.path);
    migrate(db, 9);
    db.run(
      "INSERT INTO services (key, count, policy, last_release) VALUES ('shop', 1, ?, 3)",
      canonicalJson(aPolicy()),
    );
  }
  using store = openStore(file.path, { clock: aClock() });
  expect(store.desired("shop")?.target).toBe("local");
});
