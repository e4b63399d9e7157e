import { expect, test } from "vitest";
import { pauseAfterFailures } from "../../domain/source.ts";
import { anAsker } from "../../domain/testing.ts";
import { aStore } from "../testing.ts";

const ada = anAsker("ada@example");
const spec = {
  ...{ url: "https://git.example.com/shop", branch: "main", path: "deploy", intervalMs: 60_000 },
  credentials: "/etc/kiln/token",
};
const head = { id: "c".repeat(40), author: "Eve", subject: "Mend", committedAtMs: 5 };
const broken = {
  code: "spec_invalid",
  message: "It is broken.",
  problems: ["kiln.yaml:2: no"],
  commit: head.id,
};

test("what came of each look is kept, and an event tells what is new", () => {
  using opened = aStore();
  const { store, clock } = opened;
  const { sources } = store;
  sources.add("shop", spec, ada);
  expect(() => sources.add("shop", spec, ada)).toThrow(/follows .* already/);
  expect(sources.one("shop")).toMatchObject({ ...spec, nextLookAtMs: 1_000, deployed: undefined });
  for (const attempts of [1, 2]) {
    sources.failed("shop", broken, head);
    expect(sources.one("shop").failing).toMatchObject({ ...broken, sinceMs: 1_000, attempts });
  }
  clock.set(5_000);
  sources.failed("shop", { ...broken, message: "It is broken in another way." }, undefined);
  expect(sources.one("shop")).toMatchObject({
    ...{ head, lookedAtMs: 5_000, nextLookAtMs: 65_000 },
    failing: { sinceMs: 1_000, attempts: 3 },
  });
  sources.failed("shop", { ...broken, commit: "d".repeat(40) }, head);
  expect(sources.one("shop")).toMatchObject({
    nextLookAtMs: 65_000,
    failing: { sinceMs: 1_000, attempts: 1 },
  });
  sources.looked("shop", undefined);
  sources.looked("shop", undefined);
  sources.deployed("shop", head, { commit: head.id, tree: "t", release: 4, rollout: 7 });
  sources.deployed("shop", head, { commit: head.id, tree: "t", release: 4, rollout: 7 });
  expect(sources.one("shop")).toMatchObject({
    deployed: { commit: head.id, tree: "t", release: 4, rollout: 7, atMs: 5_000 },
    failing: undefined,
  });
  sources.remove("shop", ada);
  expect(sources.all()).toEqual([]);
  expect(() => sources.one("shop")).toThrow("follows no git repository");
  sources.looked("shop", head); // a look that was under way
  const kinds = store.events({}).map(({ kind }) => kind.replace("source.", ""));
  expect(kinds).toEqual(["added", "failed", "failed", "failed", "recovered", "deployed", "removed"]);
  expect(JSON.stringify(store.events({}))).not.toContain("/etc/kiln/token");
});

test("attempts are further and further apart, and never closer than looks", () => {
  const pauses = [1, 2, 5, 9, 40].map((attempts) => pauseAfterFailures(attempts, 10_000) / 1000);
  expect(pauses).toEqual([10, 10, 80, 900, 900]);
  expect(pauseAfterFailures(1, 3_600_000)).toBe(3_600_000);
});
