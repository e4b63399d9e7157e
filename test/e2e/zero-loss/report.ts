import type { Service } from "./kinds.ts";
import type { Loss, Taking } from "./worker.ts";

/** A time (Unix times in ms) in which something died that had requests within it. */
export interface Crash {
  /** Whose server it was; undefined: every request was in it. */
  readonly service: Service | undefined;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** One scenario, and what its clients saw. */
export interface Scenario {
  readonly name: string;
  readonly seconds: number;
  readonly served: Taking["served"];
  /** Requests that were inside of what crashed, and that nothing else can answer in its place. */
  readonly cut: readonly Loss[];
  readonly lost: readonly Loss[];
}

/** Splits losses into those that crashes explain and the others. `survives`: how many crashes a request has to get over. */
export function judge(
  losses: readonly Loss[],
  crashes: readonly Crash[],
  survives: (loss: Loss) => number,
): Pick<Scenario, "cut" | "lost"> {
  const met = (loss: Loss) =>
    crashes.filter(
      ({ service = loss.service, fromMs, untilMs }) =>
        service === loss.service && loss.begunAtMs <= untilMs && loss.endedAtMs >= fromMs,
    );
  const isCut = (loss: Loss) => met(loss).length > survives(loss);
  return { cut: losses.filter(isCut), lost: losses.filter((loss) => !isCut(loss)) };
}

/** Two takings that follow each other, as one. */
export function together(first: Taking, next: Taking): Taking {
  const served = Object.entries(next.served).map(([kind, count]) => [
    kind,
    count + (first.served[kind] ?? 0),
  ]);
  return { served: Object.fromEntries(served), lost: [...first.lost, ...next.lost], open: next.open };
}

/** A table: scenarios as rows, kinds of clients as columns. */
export function reportLines(scenarios: readonly Scenario[]): readonly string[] {
  const kinds = Object.keys(scenarios[0]?.served ?? {});
  const rows = [
    ["scenario", "time", ...kinds, "served", "cut", "lost"],
    ...scenarios.map(({ name, seconds, served, cut, lost }) => [
      name,
      `${seconds.toFixed(0)} s`,
      ...kinds.map((kind) => String(served[kind] ?? 0)),
      String(Object.values(served).reduce((sum, n) => sum + n, 0)),
      String(cut.length),
      String(lost.length),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join("  "),
  );
}

/** Each loss on a line of its own, with the times. */
export function lossLines(losses: readonly Loss[]): readonly string[] {
  const time = (ms: number) => new Date(ms).toISOString().slice(11, 23);
  return losses.map((l) => `${l.kind}, ${time(l.begunAtMs)} to ${time(l.endedAtMs)}: ${l.why}`);
}
