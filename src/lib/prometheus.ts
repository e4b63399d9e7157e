/**
 * Metrics in the text format of Prometheus, version 0.0.4 (its documentation, "Exposition formats"). A client library would
 * count in memory from the start of the process; these are written from values that the caller has.
 */

/** One metric: its name and labels are a promise to those who wrote alerts with them. */
export interface Metric<Label extends string = string> {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly Label[];
  /** One sentence, without a full stop. */
  readonly help: string;
}

/** Observed values by class: `counts[i]` are those up to `bounds[i]` and above the bound before; the last one is the rest. */
export interface ObservedClasses {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  /** Of all values; undefined where only their classes are known. */
  readonly sum: number | undefined;
}

/** One value of a metric, at the time of the scrape. */
export interface Sample {
  readonly metric: Metric;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | ObservedClasses;
}

export const contentType = "text/plain; version=0.0.4; charset=utf-8";

/** The label values have to be complete; an empty one says that the label does not apply. */
export function sample<Label extends string>(
  metric: Metric<Label>,
  labels: Readonly<Record<NoInfer<Label>, string>>,
  value: number | ObservedClasses,
): Sample {
  return { metric, labels, value };
}

/** Every metric with its samples, in the given order; one without samples is described all the same. */
export function render(metrics: readonly Metric[], samples: readonly Sample[]): string {
  const byMetric = Map.groupBy(samples, ({ metric }) => metric);
  const lines = metrics.flatMap((metric) => [
    `# HELP ${metric.name} ${metric.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
    `# TYPE ${metric.name} ${metric.type}`,
    ...(byMetric.get(metric) ?? []).flatMap(linesOf),
  ]);
  return `${lines.join("\n")}\n`;
}

function linesOf({ metric: { name }, labels, value }: Sample): readonly string[] {
  const own = labelText(labels);
  if (typeof value === "number") return [line(name, own, value)];
  const { bounds, counts, sum } = value;
  let total = 0;
  const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound, i) => {
    total += counts[i] ?? 0;
    return line(`${name}_bucket`, `${own}${own === "" ? "" : ","}le="${numberText(bound)}"`, total);
  });
  return [
    ...buckets,
    ...(sum === undefined ? [] : [line(`${name}_sum`, own, sum)]),
    line(`${name}_count`, own, total),
  ];
}

function line(name: string, labels: string, value: number): string {
  return `${name}${labels === "" ? "" : `{${labels}}`} ${numberText(value)}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  let text = "";
  for (const [label, value] of Object.entries(labels))
    if (value !== "") text += `${text === "" ? "" : ","}${label}="${escaped(value)}"`;
  return text;
}

function escaped(text: string): string {
  if (!/[\\"\n]/.test(text)) return text;
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return `${value}`;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

/** Counts values by class. */
export class Histogram implements ObservedClasses {
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = [...bounds, Number.POSITIVE_INFINITY].map(() => 0);
  }

  get counts(): readonly number[] {
    return this.#counts;
  }

  get sum(): number {
    return this.#sum;
  }

  add(value: number): void {
    const found = this.bounds.findIndex((bound) => value <= bound);
    const index = found === -1 ? this.bounds.length : found;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }
}
