import { expect, test } from "vitest";
import { z } from "zod";
import { silentLog } from "../../../lib/log.ts";
import { json, serverThat } from "../client/testing.ts";
import { follow } from "./informer.ts";

test.each([
  ["end", 200, 1, 0],
  ["are refused", 500, 10, 1],
])("watches that %s at once follow one another more and more slowly", async (_, status, lists, notices) => {
  const asked = { list: 0, watch: 0 };
  let blind = 0;
  const stop = new AbortController();
  await using server = await serverThat(({ address: { searchParams } }, answer) => {
    if (!searchParams.has("watch")) {
      asked.list += 1;
      return json(answer, { metadata: { resourceVersion: "7" }, items: [] });
    }
    asked.watch += 1;
    if (asked.watch === 10) stop.abort();
    return answer.writeHead(status).end();
  });
  await follow({
    ...{ api: server.api, clock: server.clock, log: silentLog, path: "/api/v1/pods", labels: "a=b" },
    ...{ schema: z.object({}), listed: () => {}, changed: () => {}, signal: stop.signal },
    blind: () => {
      blind += 1;
    },
  });
  expect(blind).toBe(notices);
  expect(asked).toEqual({ list: lists, watch: 10 });
  const pauses = server.pauses.slice(0, 9);
  expect(pauses).toHaveLength(9);
  for (const [n, ms] of pauses.entries())
    expect(ms).toBeGreaterThanOrEqual(Math.min(30_000, 200 * 2 ** n) / 2);
});
