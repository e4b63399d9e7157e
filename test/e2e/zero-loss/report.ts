import type { Loss, Taking } from "./worker.ts";

/** A time (Unix times in ms) in which something died that had requests within it. */
export interface Crash {
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

/** Splits losses into those that a crash explains and the others. */
export function judge(
  losses: readonly Loss[],
  crashes: readonly Crash[],
  canBeCut: (loss: Loss) => boolean,
): Pick<Scenario, "cut" | "lost"> {
  const isCut = (loss: Loss) =>
    canBeCut(loss) && crashes.some((c) => loss.begunAtMs <= c.untilMs && loss.endedAtMs >= c.fromMs);
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
