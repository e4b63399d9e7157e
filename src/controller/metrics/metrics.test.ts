import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { latencyBoundsMs } from "../../domain/traffic/latency.ts";
import type { Metric } from "../../lib/prometheus.ts";
import { metrics } from "./definitions.ts";
import { requestTimes } from "./samples.ts";
import { anEventfulInstallation } from "./testing.ts";

const all: readonly Metric[] = Object.values(metrics);
const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

let it: Awaited<ReturnType<typeof anEventfulInstallation>>;
let text: string;
beforeAll(async () => {
  it = await anEventfulInstallation();
  text = await it.scrape();
});
afterAll(async () => it?.[Symbol.asyncDispose]());

/** The labels that the scrape has for this metric, in all of its samples; only one of the two services has an environment. */
function labelsOf(name: string): ReadonlySet<string> {
  const lines = text
    .split("\n")
    .filter((line) => new RegExp(`^${name}(_bucket|_sum|_count)?[{ ]`).test(line));
  const labels = lines.flatMap((line) =>
    [...line.matchAll(/[{,](\w+)="/g)].flatMap(([, label = ""]) => label),
  );
  const others = labels.filter((label) => label !== "le");
  return new Set(others.includes("service") ? [...others, "environment"] : others);
}

test("docs/metrics.md lists each metric of a scrape, with its type and labels, and no other", () => {
  const documented = [...read("docs/metrics.md").matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$/gm)];
  const scraped = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
  expect(documented.map(([, name, type]) => [name, type])).toEqual(
    scraped.map(([, name, type]) => [name, type]),
  );
  for (const [, name = "", , labels = ""] of documented) {
    const named = [...labels.matchAll(/`(\w+)`/g)].flatMap(([, label = ""]) => label);
    expect(labelsOf(name), name).toEqual(new Set(named));
  }
});

test("every metric has a value in a scrape of an installation where everything happens", () => {
  const silent = all.filter(({ name }) => !new RegExp(`^${name}(_count)?[{ ]`, "m").test(text));
  expect(silent.map(({ name }) => name)).toEqual([]);
});

test("every sample has exactly the labels of its metric, except empty ones", () => {
  for (const { name, labels } of all) expect(labelsOf(name), name).toEqual(new Set(labels));
});

test.each([
  'kiln_service_servers{service="shop",state="ready"} 4',
  'kiln_service_servers{service="blog",environment="staging",state="ready"} 1',
  'kiln_service_servers_wanted{service="shop"} 3',
  'kiln_rollouts_total{service="shop",journey="deploy",result="completed"} 1',
  'kiln_rollouts_total{service="shop",journey="deploy",result="rolled-back"} 1',
  'kiln_rollout_active{service="shop"} 1',
  'kiln_rollout_active{service="blog",environment="staging"} 0',
  'kiln_rollout_traffic_share{service="shop",release="3"} 0.3333333333333333',
  'kiln_drift_findings_total{service="shop",kind="process"} 1',
  'kiln_service_requests_total{service="shop",release="1",result="answered"} 58',
  'kiln_service_requests_total{service="shop",release="1",result="failed"} 2',
  'kiln_service_request_duration_seconds_count{service="shop",release="1"} 60',
  "kiln_audit_chain_ok 1",
  'kiln_target_up{target="local"} 1',
  'kiln_api_requests_total{method="GET",route="/v1/services/:service",code="404"} 1',
])("a scrape has %s", (line) => {
  expect(text.split("\n")).toContain(line);
});

test("what was counted from the log is counted once, however often someone asks", async () => {
  const ends = (scraped: string) =>
    scraped.split("\n").filter((line) => line.startsWith("kiln_rollouts_total"));
  const [first, second] = await Promise.all([it.scrape(), it.scrape()]);
  expect([ends(first), ends(second)]).toEqual([ends(text), ends(text)]);
});

test("the dashboard and the alert rules ask only for metrics that are there", () => {
  const names = new Set(all.flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]));
  for (const file of ["contrib/prometheus/kiln.rules.yml", "contrib/grafana/kiln.json"]) {
    const asked = [...read(file).matchAll(/\b(kiln_\w+|process_\w+|nodejs_\w+)/g)].map(([name]) => name);
    expect(asked.length, file).toBeGreaterThan(3);
    expect(
      asked.filter((name) => !names.has(name)),
      file,
    ).toEqual([]);
  }
});

test("coarse classes of response times hold each answer once, and none is moved to a faster one", () => {
  const one = latencyBoundsMs.map((_, i) => latencyBoundsMs.map((_, j) => (i === j ? 1 : 0)));
  for (const [i, latency] of one.entries()) {
    const { bounds, counts } = requestTimes([...latency, 0]);
    expect(counts.reduce((a, b) => a + b, 0)).toBe(1);
    expect((bounds[counts.indexOf(1)] ?? Number.POSITIVE_INFINITY) * 1000).toBeGreaterThanOrEqual(
      latencyBoundsMs[i] ?? 0,
    );
  }
  expect(requestTimes([]).counts.every((count) => count === 0)).toBe(true);
});
