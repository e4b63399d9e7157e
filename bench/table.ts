import { amountOf, type Figure, isReached, kiln, ratioOf } from "./figure.ts";
import { summarize } from "./stats.ts";

/** The figures for people: Kiln's own with their targets first, then the same work by others. */
export function renderTable(figures: readonly Figure[]): string {
  const own = figures.filter(({ by }) => by === kiln);
  const peers = figures.filter(({ by }) => by !== kiln);
  const rows = [ownHeader, ...own.map(ownRow)];
  const blocks = [align(rows)];
  if (peers.length > 0) blocks.push(align([peerHeader, ...peers.map((peer) => peerRow(peer, own))]));
  return blocks.join("\n\n");
}

const ownHeader = ["work", "figure", "min", "max", "runs", "target", "ratio", ""];
const peerHeader = ["the same by", "work", "figure", "min", "max", "runs", "against Kiln"];

function ownRow(figure: Figure): readonly string[] {
  const ratio = ratioOf(figure);
  return [
    figure.work,
    ...measured(figure),
    figure.target === undefined ? "" : words(figure.target, figure.unit),
    ratio === undefined ? "" : ratio.toFixed(2),
    verdict(figure) + (figure.note === undefined ? "" : `  ${figure.note}`),
  ];
}

function peerRow(figure: Figure, own: readonly Figure[]): readonly string[] {
  const same = own.find(({ work }) => work === figure.work);
  const times = same === undefined ? "" : `${(amountOf(figure) / amountOf(same)).toFixed(1)} x`;
  return [figure.by, figure.work, ...measured(figure), times];
}

function measured(figure: Figure): readonly string[] {
  const { min, max, count } = summarize(figure.samples);
  const { unit } = figure;
  return [words(amountOf(figure), unit), words(min, unit), words(max, unit), String(count)];
}

function verdict(figure: Figure): string {
  if (figure.target === undefined) return "      ";
  return isReached(figure) ? "ok    " : "MISSED";
}

/** Such a measurement is exact to three digits at most. */
function words(value: number, unit: Figure["unit"]): string {
  if (unit === "lost") return `${value} lost`;
  if (unit === "MiB") return `${value.toFixed(0)} MiB`;
  if (unit === "% of a core") return `${value.toFixed(2)} %`;
  if (value < 1) return `${value.toFixed(3)} ms`;
  return value < 1000 ? `${value.toFixed(value < 100 ? 1 : 0)} ms` : `${(value / 1000).toFixed(2)} s`;
}

/** Columns of equal width; the first is words, figures stand at the right of theirs. */
function align(rows: readonly (readonly string[])[]): string {
  const left = new Set(["work", "the same by", ""]);
  const [header = []] = rows;
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const cell = (text: string, column: number) =>
    left.has(header[column] ?? "") ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(cell).join("  ").trimEnd()).join("\n");
}
