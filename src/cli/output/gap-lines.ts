import type { Gap } from "../api.ts";
import type { Style } from "./style.ts";
import { plainText } from "./text.ts";

/** What a target lacks, each with its remedy below it. */
export function gapLines(gaps: readonly Gap[], style: Style): string[] {
  return gaps.flatMap((gap) => [
    `  ${gap.severity === "fatal" ? style.bad("fail ") : style.warn("warn ")} ${plainText(gap.what)}`,
    `        ${style.dim(plainText(gap.remedy))}`,
  ]);
}
