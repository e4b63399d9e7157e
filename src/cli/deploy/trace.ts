import type { TraceContext } from "../../domain/rollout/rollout.ts";
import { parseTraceparent } from "../../domain/rollout/trace-context.ts";

/** How long a build took, and when it was over (Unix time in ms). */
export interface FinishedBuild {
  readonly ms: number;
  readonly atMs: number;
}

/**
 * What a deploy tells for the trace of its rollout: the trace that it is part of, from `TRACEPARENT` (OpenTelemetry, "Environment
 * Variables as Context Propagation Carriers"), and the build before it, in times before now: clocks differ between machines.
 */
export function traceOf(
  env: Readonly<Record<string, string | undefined>>,
  built: FinishedBuild | undefined,
  nowMs: number,
): { readonly trace?: TraceContext } {
  const parent = parseTraceparent(env.TRACEPARENT ?? "");
  const build =
    built === undefined
      ? undefined
      : { ms: Math.round(built.ms), agoMs: Math.max(0, Math.round(nowMs - built.atMs)) };
  if (parent === undefined && build === undefined) return {};
  return { trace: { ...(parent && { parent }), ...(build && { build }) } };
}
