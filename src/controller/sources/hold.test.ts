import { expect, test } from "vitest";
import type { Asker, SourceActor } from "../../domain/access/actor.ts";
import { anAsker } from "../../domain/testing.ts";
import { TestInstallation } from "../testing.ts";
import { sourceWarnings } from "./warnings.ts";

const ada = anAsker("ada@example");

const spec = { url: "https://git.example.com/shop", branch: "main", path: ".", intervalMs: 60_000 };

function at(commit: string): Asker {
  const repository = "git.example.com/shop";
  const actor: SourceActor = {
    ...{ via: "source", name: `${repository}@${commit}`, repository, ref: "refs/heads/main", commit },
    author: "Eve <eve@example.com>",
  };
  return { actor };
}

/** Deploys as a commit does. */
const deploy = (t: TestInstallation, number: number) => t.deploy(number, {}, at(`c${number}`));

async function following(t: TestInstallation): Promise<void> {
  t.store.sources.add("shop", spec, ada);
  for (const number of [1, 2]) {
    await deploy(t, number);
    await t.settled();
  }
}

const holdOf = (t: TestInstallation) => t.store.sources.one("shop").hold;

test("a commit deploys under its own name, and only a service that follows a repository", async () => {
  await using t = new TestInstallation();
  await expect(deploy(t, 1)).rejects.toMatchObject({ code: "source_unknown" });
  await following(t);
  const started = t.store.events({}).findLast(({ kind }) => kind === "rollout.started");
  expect(started?.message).toContain("git.example.com/shop@c2 (Eve <eve@example.com>) started a deploy");
  expect(started?.data.actor).toMatchObject({ via: "source", commit: "c2" });
  expect(holdOf(t)).toBeUndefined();
});

test.each([
  ["a rollback", "rolled it back", (t: TestInstallation) => t.controller.rollback({ service: "shop" }, ada)],
  [
    "an abort",
    "aborted a rollout",
    async (t: TestInstallation) => {
      await deploy(t, 3);
      await t.controller.abort({ service: "shop" }, ada);
    },
  ],
  ["a removal", "removed it", (t: TestInstallation) => t.controller.remove({ service: "shop" }, ada)],
] as const)("%s of someone holds the repository until someone resumes it", async (_, because, change) => {
  await using t = new TestInstallation();
  await following(t);
  await change(t);
  expect(holdOf(t)).toMatchObject({ by: expect.stringContaining("ada"), because });
  await t.stop();
  t.start();
  await expect(deploy(t, 4)).rejects.toMatchObject({ code: "source_held", exitCode: 3 });
  expect(() => t.store.sources.sync("shop", ada)).toThrow("does not follow");
  expect(sourceWarnings(t.store, "shop")).toMatchObject([{ message: expect.stringContaining(because) }]);
  t.store.sources.resume("shop", ada);
  t.store.sources.resume("shop", ada); // repeating it is fine
  expect(holdOf(t)).toBeUndefined();
  const kinds = t.store.events({}).map(({ kind }) => kind);
  expect(kinds.filter((kind) => /^source\.(held|resumed)$/.test(kind))).toEqual([
    "source.held",
    "source.resumed",
  ]);
});

test("which commit has begun a rollout is kept with it, whatever becomes of the process that has asked", async () => {
  await using t = new TestInstallation();
  await following(t);
  const { rollout } = await deploy(t, 3);
  expect(t.store.sources.one("shop").deployed).toMatchObject({ commit: "c3", release: 3, rollout });
  t.store.sources.deployed("shop", headAt("c3"), { commit: "c3", tree: "t", release: 3, rollout });
  expect(t.store.sources.one("shop").deployed).toMatchObject({ commit: "c3", tree: "t" });
  const told = t.store.events({}).filter(({ kind }) => kind === "source.deployed");
  expect(told.map(({ data }) => data.commit)).toEqual(["c1", "c2", "c3"]);
  await t.settled();
  await t.deploy(4, {}, ada);
  expect(t.store.sources.one("shop").deployed).toMatchObject({ commit: "c3" });
});

const headAt = (id: string) => ({ id, author: "Eve <eve@example.com>", subject: "Mend", committedAtMs: 5 });

test("a plan of a rollback holds nothing", async () => {
  await using t = new TestInstallation();
  await following(t);
  await t.controller.plan({ service: "shop", change: { kind: "rollback" } }, ada);
  expect(holdOf(t)).toBeUndefined();
});
