import type { Severity } from "./advisory.ts";

type Weights = Readonly<Record<string, number>>;

const exploitability = {
  AV: { N: 0.85, A: 0.62, L: 0.55, P: 0.2 },
  AC: { L: 0.77, H: 0.44 },
  UI: { N: 0.85, R: 0.62 },
} satisfies Record<string, Weights>;
const privileges: { readonly [scope: string]: Weights } = {
  U: { N: 0.85, L: 0.62, H: 0.27 },
  C: { N: 0.85, L: 0.68, H: 0.5 },
};
const impact: Weights = { H: 0.56, L: 0.22, N: 0 };

/**
 * The rating of a CVSS 3.0 or 3.1 vector by its base score (specification 3.1, sections 5 and 7.1); `unknown` for anything else. Versions 2
 * and 4 are not read.
 */
export function severityOfVector(vector: string): Severity {
  const score = baseScore(vector);
  if (score === undefined) return "unknown";
  if (score === 0) return "negligible";
  if (score < 4) return "low";
  if (score < 7) return "medium";
  return score < 9 ? "high" : "critical";
}

/** From 0 to 10; undefined for a text that is not such a vector. */
export function baseScore(vector: string): number | undefined {
  if (!/^CVSS:3\.[01]\//.test(vector)) return undefined;
  const metrics = new Map(vector.split("/").map((part) => part.split(":", 2) as [string, string]));
  const weight = (name: string, weights: Weights | undefined) => weights?.[metrics.get(name) ?? ""];
  const scope = metrics.get("S") ?? "";
  const [c, i, a] = ["C", "I", "A"].map((name) => weight(name, impact));
  const factors = [
    ...Object.entries(exploitability).map(([name, weights]) => weight(name, weights)),
    weight("PR", privileges[scope]),
  ];
  const ease = factors.reduce<number | undefined>((all, one) => all && one && all * one, 8.22);
  if (c === undefined || i === undefined || a === undefined || ease === undefined) return undefined;
  const lost = 1 - (1 - c) * (1 - i) * (1 - a);
  const damage = scope === "C" ? 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15 : 6.42 * lost;
  if (damage <= 0) return 0;
  return roundUp(Math.min((scope === "C" ? 1.08 : 1) * (damage + ease), 10));
}

/** Up to one decimal, as appendix A of the specification does it, free of binary fractions. */
function roundUp(value: number): number {
  const whole = Math.round(value * 100_000);
  return whole % 10_000 === 0 ? whole / 100_000 : (Math.floor(whole / 10_000) + 1) / 10;
}
