import { expect, test } from "vitest";
import { anAsker, aPolicy } from "../../domain/testing.ts";
import { hourMs } from "../../domain/traffic/traffic.ts";
import type { ServiceFigures } from "../operations.ts";
import { TestInstallation } from "../testing.ts";
import { createFigures } from "./figures.ts";

function figuresOf(it: TestInstallation) {
  const { services, status } = it.controller;
  const images = async () => [
    {
      ...{ service: "shop", version: "1.5.0", digest: `sha256:${"5".padStart(64, "0")}`, contentDigest: "x" },
      ...{ bytes: 1, createdAtMs: it.clock.now() - hourMs, pinned: false, usedBy: [] },
    },
  ];
  return createFigures({ store: it.store, clock: it.clock, operations: { services, status, images } });
}

const named = (of: ServiceFigures | undefined, name: string) => of?.figures.find((one) => one.name === name);

test("the figures of a real history, each with the events it comes from, until the service is long gone", async () => {
  await using it = new TestInstallation();
  const policy = aPolicy({ bakeMs: 60_000, strategy: "blue-green" });
  const madeMs = it.clock.now();
  const commits = { newest: [{ id: "c".repeat(40), atMs: madeMs }], complete: true };
  for (const number of [1, 2, 3, 4]) await it.deployed(number, { policy, commits });
  await it.deploy(5, { policy, commits });
  await it.clock.until(async () => (await it.status()).rollout?.movedAtMs !== undefined);
  await it.controller.abort({ service: "shop" }, anAsker());
  await it.settled();
  await it.clock.advance(60_000);
  const { figures } = figuresOf(it);
  const [shop, ...others] = await figures({}, {});
  expect([shop?.service, others]).toEqual(["shop", []]);
  expect(named(shop, "fail-rate")).toMatchObject({ value: 0.2, n: 5, of: "deployments" });
  const kinds = named(shop, "fail-rate")?.events.map(
    (sequence) => it.store.events({ after: sequence - 1, limit: 1 })[0]?.kind,
  );
  expect(kinds).toEqual(["rollout.turned-back"]);
  expect(named(shop, "lead-time")).toMatchObject({ value: undefined, n: 4 });
  expect(named(shop, "server-age")?.value).toBeGreaterThan(0);
  expect(named(shop, "image-age")).toMatchObject({ value: undefined, n: 0 });
  await it.deployed(5, { policy, commits });
  const [after] = await figures({ service: "shop" }, {});
  expect(named(after, "lead-time")).toMatchObject({ n: 5 });
  expect(named(after, "rework-rate")).toMatchObject({ value: 1 / 6, guessed: true });
  expect(named(after, "image-age")).toMatchObject({ value: hourMs });
  const since = await figures({ service: "shop", sinceMs: it.clock.now() }, {});
  expect(named(since[0], "fail-rate")).toMatchObject({ value: undefined, n: 0 });
  await it.controller.remove({ service: "shop" }, anAsker());
  await it.clock.until(async () => (await it.controller.services({}, {})).length === 0);
  const [gone] = await figures({ service: "shop" }, {});
  expect(named(gone, "fail-rate")).toEqual(named(after, "fail-rate"));
  expect(named(gone, "server-age")).toMatchObject({ value: undefined, n: 0 });
  await expect(figures({ service: "shops" }, {})).rejects.toMatchObject({ code: "service_unknown" });
});
