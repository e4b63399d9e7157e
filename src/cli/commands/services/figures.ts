import type { ServiceFigures } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import type { Style } from "../../output/style.ts";
import { plainText, table } from "../../output/text.ts";
import { formatDuration, formatTime } from "../../output/units.ts";
import { findService, type ServiceOptions } from "../../project.ts";

interface FiguresOptions extends ServiceOptions {
  readonly since?: (nowMs: number) => number;
  readonly explain?: boolean;
}

type Figure = ServiceFigures["figures"][number];

export async function run(context: Context, options: FiguresOptions, service?: string): Outcome {
  const { cwd, clock, output } = context;
  const key = await findService(cwd, options, service);
  const client = await context.connect();
  const figures = await client.figures({ service: key, sinceMs: options.since?.(clock.now()) });
  const lines = figures.flatMap((of, i) => [
    ...(i === 0 ? [] : [""]),
    ...serviceLines(of, output.style, options.explain ?? false),
  ]);
  output.result(figures, lines.length === 0 ? ["No services."] : lines);
  return 0;
}

function serviceLines(
  { service, sinceMs, untilMs, figures }: ServiceFigures,
  style: Style,
  explain: boolean,
): readonly string[] {
  const period = `${day(sinceMs)} to ${day(untilMs)}`;
  const rows = figures.map((figure) => [figure.title, valueText(figure, style), originText(figure)]);
  const lines = table(["FIGURE", "VALUE", "FROM"], rows);
  return [
    `${style.bold(service)}  ${style.dim(period)}`,
    ...(explain ? lines.flatMap((line, i) => [line, ...explained(figures[i - 1], style)]) : lines),
  ];
}

function valueText({ value, unit, n, guessed }: Figure, style: Style): string {
  if (value === undefined) return style.dim(n === 0 ? "-" : "not enough data");
  return `${valueIn(unit, value)}${guessed ? ` ${style.warn("(guess)")}` : ""}`;
}

function valueIn(unit: Figure["unit"], value: number): string {
  if (unit === "ms") return formatDuration(value);
  if (unit === "share") return `${Number((value * 100).toPrecision(5))} %`;
  return unit === "per week" ? `${Number(value.toPrecision(3))} a week` : `${value}`;
}

function originText({ n, of, unit, more, notes }: Figure): string {
  const others = Object.entries(more).map(([name, value]) => `${name}: ${moreText(unit, value)}`);
  return plainText([`${n} ${of}`, ...others, ...notes].join("; "));
}

/** In a table that says `a week` once. */
function moreText(unit: Figure["unit"], value: number): string {
  return unit === "per week" ? `${value}` : valueIn(unit, value);
}

function explained(figure: Figure | undefined, style: Style): readonly string[] {
  if (figure === undefined) return [];
  const { definition, events } = figure;
  return [
    `  ${style.dim(definition)}`,
    ...(events.length === 0 ? [] : [`  ${style.dim(`events ${events.join(", ")}`)}`]),
  ];
}

function day(atMs: number): string {
  return formatTime(atMs).slice(0, "2026-11-29".length);
}
