import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Histogram, type Metric, render, sample } from "./prometheus.ts";

const servers: Metric<"service" | "state"> = {
  ...{ name: "servers", type: "gauge", help: "How many" },
  labels: ["service", "state"],
};
const took: Metric<"service"> = {
  name: "took_seconds",
  type: "histogram",
  help: "How long",
  labels: ["service"],
};

test("values by metric, each described once", () => {
  const samples = [
    sample(servers, { service: "shop", state: "ready" }, 3),
    sample(took, { service: "" }, { bounds: [1, 5], counts: [2, 1, 1], sum: 13.5 }),
    sample(servers, { service: "b", state: "" }, Number.NaN),
  ];
  expect(render([servers, took], samples)).toBe(
    `# HELP servers How many
# TYPE servers gauge
servers{service="shop",state="ready"} 3
servers{service="b"} NaN
# HELP took_seconds How long
# TYPE took_seconds histogram
took_seconds_bucket{le="1"} 2
took_seconds_bucket{le="5"} 3
took_seconds_bucket{le="+Inf"} 4
took_seconds_sum 13.5
took_seconds_count 4
`,
  );
});

test("a metric without samples is described, and a sum that is not known is left out", () => {
  const text = render(
    [servers, took],
    [sample(took, { service: "a" }, { bounds: [], counts: [7], sum: undefined })],
  );
  expect(text).toContain("# TYPE servers gauge\n# HELP took");
  expect(text).not.toContain("_sum");
});

test("any label value stays on one line, and can be read back", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (value) => {
      const [, , line = "", end] = render(
        [servers],
        [sample(servers, { service: value, state: "" }, 1)],
      ).split("\n");
      expect(end).toBe("");
      const [, written = ""] = /^servers\{service="(.*)"\} 1$/s.exec(line) ?? [];
      expect(written.replaceAll(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c))).toBe(value);
    }),
  );
});

test("a histogram counts every value once, in the first class that holds it", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100)), (values) => {
      const histogram = new Histogram([0, 10, 50]);
      for (const value of values) histogram.add(value);
      const within = (low: number, high: number) => values.filter((v) => v > low && v <= high).length;
      expect(histogram.counts).toEqual([within(-1, 0), within(0, 10), within(10, 50), within(50, 100)]);
      expect(histogram.sum).toBe(values.reduce((a, b) => a + b, 0));
    }),
  );
});
