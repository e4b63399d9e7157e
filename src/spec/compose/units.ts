/** Compose specification, "Values expressing durations" and "byte values". */

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `1m30s` or `1.5s` as kiln.yaml writes it; undefined for anything else. */
export function durationOf(text: string): string | undefined {
  if (!/^(\d+(\.\d+)?(us|ms|s|m|h))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit = ""] of text.matchAll(/([\d.]+)(us|ms|s|m|h)/g))
    ms += Number(amount) * (unitMs[unit] ?? 0);
  return writtenMs(Math.round(ms));
}

function writtenMs(ms: number): string {
  if (ms === 0) return "0s";
  const parts: (readonly [string, number])[] = [
    ["h", Math.floor(ms / 3_600_000)],
    ["m", Math.floor(ms / 60_000) % 60],
    ["s", Math.floor(ms / 1_000) % 60],
    ["ms", ms % 1_000],
  ];
  return parts.flatMap(([unit, amount]) => (amount === 0 ? [] : [`${amount}${unit}`])).join("");
}

/** `512m`, `1gb`, or a number of bytes: Compose counts in powers of 1024. */
export function sizeOf(text: string): string | undefined {
  const [, amount = "", unit = ""] = /^(\d+)([bkmg]b?)?$/i.exec(text.trim()) ?? [];
  if (amount === "" || Number(amount) === 0) return undefined;
  const prefix = unit.charAt(0).toUpperCase();
  if (prefix === "K" || prefix === "M" || prefix === "G") return `${amount}${prefix}iB`;
  const bytes = Number(amount);
  for (const [name, size] of [
    ["GiB", 1024 ** 3],
    ["MiB", 1024 ** 2],
    ["KiB", 1024],
  ] as const)
    if (bytes % size === 0) return `${bytes / size}${name}`;
  return `${Math.max(1, Math.ceil(bytes / 1024))}KiB`;
}

/** A command line as a shell splits it: blanks, quotes and backslashes, nothing else. */
export function wordsOf(line: string): readonly string[] {
  const words = line.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs) ?? [];
  return words.map((word) =>
    word.replace(
      /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs,
      (_, double?: string, single?: string, escaped?: string) =>
        double !== undefined ? double.replace(/\\(["\\$`])/g, "$1") : (single ?? escaped ?? ""),
    ),
  );
}
