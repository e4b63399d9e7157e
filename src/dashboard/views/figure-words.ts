import type { Answer } from "../../api/contract/types.ts";
import { duration } from "../words.ts";

type Figure = Answer<"figures">[number]["figures"][number];

/** A figure with its unit, or that there is not enough to say. */
export function figureValue({ value, unit }: Pick<Figure, "value" | "unit">): string {
  if (value === undefined) return "not enough data";
  if (unit === "ms") return duration(value);
  if (unit === "share") return `${trimmed(value * 100, 2)} %`;
  return unit === "per week" ? `${trimmed(value, 1)} a week` : trimmed(value, 1);
}

/** `1 recovery`, `2 recoveries`: of what the figure counts, by its plural. */
export function counted(number: number, plural: string): string {
  return `${number} ${number === 1 ? plural.replace(/ies$/, "y").replace(/s$/, "") : plural}`;
}

/** At most so many digits after the point; a share just below all is not shown as all. */
function trimmed(value: number, digits: number): string {
  const cut = Math.floor(value * 10 ** digits + 1e-9) / 10 ** digits;
  return String(cut);
}
