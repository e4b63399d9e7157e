import { expect, test } from "vitest";
import { aServer, aStatus } from "../../../controller/services/testing.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client } from "../../api.ts";
import { cli } from "../../test-kit.ts";

const shop = aStatus({ servers: [aServer({ id: "shop-2-1-1" }), aServer({ id: "shop-2-2-1" })] });
const db = aStatus({ service: "db", servers: [aServer({ id: "db-1-1-1", service: "db" })] });

/** The lines of a service or server, and what was asked for. */
function aClient(asked: unknown[], lines: Readonly<Record<string, readonly [number, string, string][]>>) {
  return {
    services: async () => [shop, db],
    serviceLogs: async function* (given) {
      asked.push(given);
      const found = lines[given.service];
      if (found === undefined) throw new KilnError("platform_unusable", "The platform keeps no logs.");
      for (const [atMs, server, text] of found) yield { atMs, server, text, stream: "stdout" };
    },
    logs: async function* (given) {
      asked.push(given);
      for (const [atMs, , text] of lines[given.server] ?? []) yield { atMs, text, stream: "stdout" };
    },
  } satisfies Partial<Client>;
}

const lines = {
  shop: [
    [2, "shop-2-1-1", "two"],
    [1, "shop-2-2-1", "one"],
  ],
  db: [[3, "db-1-1-1", "three"]],
  "shop-2-1-1": [[2, "", "two"]],
} satisfies Readonly<Record<string, [number, string, string][]>>;

const inOrder = ["shop-2-2-1 one", "shop-2-1-1 two", "db-1-1-1 three"];

test.each([
  ["shop", inOrder.slice(0, 2), [{ service: "shop", tail: 100 }]],
  [
    "shop db",
    inOrder,
    [
      { service: "shop", tail: 100 },
      { service: "db", tail: 100 },
    ],
  ],
  [
    "--all --tail 5",
    inOrder,
    [
      { service: "shop", tail: 5 },
      { service: "db", tail: 5 },
    ],
  ],
  ["--tail all", inOrder, [{ service: "shop" }, { service: "db" }]],
  ["db shop-2-1-1", ["shop-2-1-1 two", "db-1-1-1 three"], expect.anything()],
  ["shop-2-1-1", ["two"], [{ server: "shop-2-1-1", tail: 100 }]],
  ["shop db shop", inOrder, expect.objectContaining({ length: 2 })],
  ["shop --grep o", expect.anything(), [{ service: "shop", grep: "o" }]],
  ["shop --grep o --tail 7", expect.anything(), [{ service: "shop", grep: "o", tail: 7 }]],
  ["shop --since 1970-01-01T00:00:09Z", expect.anything(), [{ service: "shop", since: 9_000 }]],
  [
    "shop db --follow",
    expect.anything(),
    [
      { service: "shop", tail: 100, follow: true },
      { service: "db", tail: 100, follow: true },
    ],
  ],
])("logs %s", async (line, shown, wanted) => {
  const asked: unknown[] = [];
  const { code, stdout } = await cli(["logs", ...line.split(" ")], { client: aClient(asked, lines) });
  expect([code, stdout.trimEnd().split("\n")]).toEqual([0, shown]);
  expect(asked).toEqual(wanted);
});

test("--json names the server of each line", async () => {
  const { stdout } = await cli(["logs", "shop-2-1-1", "--json"], { client: aClient([], lines) });
  expect(stdout).toBe('{"server":"shop-2-1-1","atMs":2,"text":"two","stream":"stdout"}\n');
});

test("a target without logs is named, and the other services are read; alone it is the error", async () => {
  const client = aClient([], { shop: lines.shop });
  const both = await cli(["logs", "--all"], { client });
  expect(both).toMatchObject({ code: 0, stderr: "db: The platform keeps no logs.\n" });
  expect(both.stdout.trimEnd().split("\n")).toEqual(inOrder.slice(0, 2));
  const followed = await cli(["logs", "shop", "db", "-f"], { client });
  expect(followed).toMatchObject({ code: 0, stderr: "db: The platform keeps no logs.\n" });
  expect(await cli(["logs", "db"], { client })).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining("platform_unusable") },
  });
});

test("--all -f also reads services that come later", async () => {
  const stop = new AbortController();
  const client = aClient([], lines);
  let known = [shop];
  const { stdout } = await cli(["logs", "--all", "-f"], {
    client: {
      ...client,
      services: async () => {
        if (known.length === 2) setImmediate(() => stop.abort());
        const now = known;
        known = [shop, db];
        return now;
      },
      serviceLogs: async function* (given, { signal } = {}) {
        yield* client.serviceLogs(given);
        await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
      },
    },
    signal: stop.signal,
  });
  expect(stdout.trimEnd().split("\n")).toEqual(["shop-2-1-1 two", "shop-2-2-1 one", "db-1-1-1 three"]);
});

test.each([
  ["logs --all shop", "does not go with a name"],
  ["logs shop db --job migrate", "of one service"],
  ["logs --since yesterday", "Expected how long ago"],
  ["logs shp", "No service shp"],
])("%s is refused", async (line, words) => {
  const { code, stderr } = await cli(line.split(" "), { client: aClient([], lines) });
  expect(code).not.toBe(0);
  expect(stderr).toContain(words);
});

test("of many services only some are read at one time, and each is", async () => {
  const many = Array.from({ length: 30 }, (_, i) => aStatus({ service: `s${i}` }));
  let open = 0;
  let most = 0;
  const client: Partial<Client> = {
    services: async () => many,
    serviceLogs: async function* ({ service }) {
      open += 1;
      most = Math.max(most, open);
      await new Promise(setImmediate);
      yield { atMs: 1, server: service, text: "hello", stream: "stdout" };
      open -= 1;
    },
  };
  const { stdout } = await cli(["logs", "--all"], { client });
  expect(stdout.trim().split("\n")).toHaveLength(30);
  expect(most).toBe(8);
});
