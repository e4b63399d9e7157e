import type { Answer } from "../../api/contract/types.ts";

type Stretches = Answer<"calendar">[number]["stretches"];

interface Line {
  readonly name: string;
  readonly stretches: Stretches;
}

/** One line for each environment; services of it with a freeze of their own have another. */
export function linesOf(calendar: Answer<"calendar">): readonly Line[] {
  const equal = Map.groupBy(
    calendar,
    ({ environment, stretches }) =>
      `${environment} ${stretches.map(({ fromMs, shut }) => `${fromMs} ${wordsOf(shut)}`).join()}`,
  );
  const lines = [...equal.values()].map((those) => ({
    environment: those[0]?.environment ?? "",
    services: those.map(({ service }) => service),
    stretches: those[0]?.stretches ?? [],
  }));
  return lines
    .map(({ environment, services, stretches }) => {
      const isWhole = lines.filter((other) => other.environment === environment).length === 1;
      const whole = environment === "none" ? "without an environment" : environment;
      return { name: isWhole ? whole : services.join(", "), stretches };
    })
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

export function kindOf(shut: Stretches[number]["shut"]): "open" | "window" | "freeze" {
  if (shut.length === 0) return "open";
  return shut.some(({ kind }) => kind === "freeze") ? "freeze" : "window";
}

export function wordsOf(shut: Stretches[number]["shut"]): string {
  if (shut.length === 0) return "Rollouts may begin";
  return shut.map(({ place, because }) => `${because} (${place})`).join("; ");
}
