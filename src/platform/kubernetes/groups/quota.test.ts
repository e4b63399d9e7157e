import { expect, test } from "vitest";
import { quotaSchema } from "../view/answers.ts";
import { amountOf, requireRoom } from "./quota.ts";

const shape = { port: 80, env: {}, memoryBytes: 64 << 20, cpus: 0.5, writable: [] };

function quota(hard: Record<string, string>, used: Record<string, string>, scopes: string[] = []) {
  const metadata = {
    name: "small",
    uid: "u",
    resourceVersion: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
  };
  return quotaSchema.parse({ metadata, spec: { scopes }, status: { hard, used } });
}

test.each([
  ["pods", "3", "2", 1, true],
  ["pods", "3", "2", 2, false],
  ["count/pods", "3", "3", 1, false],
  ["requests.cpu", "1500m", "500m", 2, true],
  ["limits.cpu", "1500m", "501m", 2, false],
  ["requests.memory", "1Gi", "960Mi", 1, true],
  ["memory", "1Gi", "961Mi", 1, false],
  ["services", "0", "0", 9, true],
  ["pods", "0", "9", 0, true],
])("%s %s with %s used: %i more servers fit: %s", (what, hard, used, more, fits) => {
  const look = () => requireRoom([quota({ [what]: hard }, { [what]: used })], shape, more);
  if (fits) expect(look).not.toThrow();
  else expect(look).toThrow(expect.objectContaining({ code: "quota_exceeded", hint: expect.any(String) }));
});

test("a quota that demands a limit which the servers do not state is reported with the key of kiln.yaml", () => {
  const look = () =>
    requireRoom([quota({ "limits.memory": "1Gi" }, {})], { ...shape, memoryBytes: undefined }, 1);
  expect(look).toThrow(
    expect.objectContaining({ code: "quota_exceeded", hint: expect.stringContaining("servers.memory") }),
  );
});

test("a quota for some pods alone is left to the cluster", () => {
  expect(() => requireRoom([quota({ pods: "0" }, {}, ["BestEffort"])], shape, 1)).not.toThrow();
});

test.each([
  ["2", 2],
  ["250m", 0.25],
  ["1.5Gi", 1.5 * 2 ** 30],
  ["128974848", 128_974_848],
  ["129e6", 129e6],
  ["1k", 1000],
  ["x", Number.NaN],
])("the quantity %s is %d", (text, amount) => expect(amountOf(text)).toBe(amount));
