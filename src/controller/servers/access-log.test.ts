import { expect, test } from "vitest";
import type { AccessEntry } from "../../domain/traffic/access-log.ts";
import { TestInstallation } from "../testing.ts";

async function all(items: AsyncIterable<AccessEntry>): Promise<readonly AccessEntry[]> {
  const found: AccessEntry[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test("a service without an access log, or one that is not there, is an error with a remedy", async () => {
  await using t = new TestInstallation();
  await expect(all(t.controller.accessLog({ service: "shop" }))).rejects.toMatchObject({
    code: "service_unknown",
  });
  await t.deployed(1, { count: 1 });
  await expect(all(t.controller.accessLog({ service: "shop" }))).rejects.toMatchObject({
    code: "usage",
    hint: "Write `accessLog: true` in `traffic` of kiln.yaml, and deploy.",
  });
});
