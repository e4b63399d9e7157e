import type { Rollout } from "../../../domain/rollout/rollout.ts";
import type { ErrorJson } from "../../../lib/errors.ts";
import type { Context, ExitCode } from "../../context.ts";
import type { Style } from "../../output/style.ts";
import { plainText, table } from "../../output/text.ts";
import { formatDuration } from "../../output/units.ts";

/** What became of one service. */
export interface MemberResult {
  readonly service: string;
  readonly file: string;
  /** `unchanged`: it served already; `settled` otherwise where a rollout has ended or waits for a person. */
  readonly outcome: "unchanged" | "settled" | "failed" | "skipped";
  readonly isDone: boolean;
  readonly durationMs: number;
  readonly release?: number | undefined;
  readonly rollout?: Rollout | undefined;
  readonly error?: ErrorJson | undefined;
  /** The service that it comes after and that is not done. */
  readonly skippedFor?: string | undefined;
  /** What the command would end with for this service alone. */
  readonly exitCode: ExitCode;
}

/**
 * One line for each service. Returns 0 when all serve what was asked for, 1 when one of them failed without a way back, and 4
 * when those that failed serve as before.
 */
export function reportAll(context: Context, results: readonly MemberResult[]): ExitCode {
  const { output } = context;
  const rows = results.map((result) => [
    output.style.bold(result.service),
    resultWords(result, output.style),
    result.release === undefined ? "" : String(result.release),
    result.outcome === "skipped" ? "" : formatDuration(result.durationMs),
    detailOf(result),
  ]);
  output.result({ services: results }, table(["SERVICE", "RESULT", "RELEASE", "TOOK", "DETAIL"], rows));
  const codes = results.map(({ exitCode }) => exitCode);
  if (codes.includes(1)) return 1;
  return codes.includes(4) ? 4 : 0;
}

function resultWords({ outcome, rollout, isDone, exitCode }: MemberResult, style: Style): string {
  if (outcome === "unchanged") return "unchanged";
  if (outcome === "skipped") return style.warn("skipped");
  if (isDone) return style.good("done");
  const words = rollout === undefined ? "failed" : rollout.phase.replace("-", " ");
  return exitCode === 1 ? style.bad(words) : style.warn(words);
}

function detailOf({ error, rollout, skippedFor, isDone }: MemberResult): string {
  if (skippedFor !== undefined) return `comes after ${skippedFor}`;
  if (error !== undefined) return plainText(`[${error.code}] ${error.message}`);
  return isDone ? "" : plainText(rollout?.reason ?? "");
}
