import { expect, test } from "vitest";
import { allKeys, explainKey } from "./explain.ts";

test("a key has its meaning, form, default and examples", () => {
  expect(explainKey("servers.count")).toEqual({
    ...{ key: "servers.count", form: "a whole number, 0 to 1000", required: false, default: "1" },
    meaning: "Number of servers; a deploy that changes only this number scales.",
    ...{ examples: [], keys: [] },
  });
  expect(explainKey("rollout.strategy")).toMatchObject({ default: "rolling" });
  expect(explainKey("rollout.strategy")?.form).toMatch(/^one of: .*canary/);
  expect(explainKey("health.http")?.examples).toContain("/healthz");
  expect(explainKey("service")?.required).toBe(true);
});

test("a section has its keys", () => {
  expect(explainKey("health")?.keys.map(({ key }) => key)).toContain("health.http");
});

test("entries of lists are found with and without brackets", () => {
  const found = explainKey("jobs.before[].command");
  expect(found).toMatchObject({ key: "jobs.before[].command", required: true });
  expect(explainKey("jobs.before.command")).toEqual(found);
  expect(explainKey("jobs.before[0].command")).toEqual(found);
});

test("below names that users choose", () => {
  const found = explainKey("environments.staging.servers.count");
  expect(found?.key).toBe("environments.staging.servers.count");
  expect(found?.meaning).toMatch(/^Number of servers/);
});

test("every key is found under its own name, and nothing under another", () => {
  const keys = allKeys();
  expect(keys.length).toBeGreaterThan(80);
  for (const key of keys) expect(explainKey(key)?.key, key).toBe(key);
  for (const wrong of ["nope", "health.nope", "", "health.", "servers.count.more"])
    expect(explainKey(wrong), wrong).toBeUndefined();
});
