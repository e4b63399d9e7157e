import type { TraceContext } from "./rollout.ts";

/** W3C Trace Context, "traceparent Header": later versions may append fields; ids of zeros alone and the version ff are invalid. */
const traceparent = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/** The span that a `traceparent` names, or undefined when it names none. */
export function parseTraceparent(text: string): TraceContext["parent"] {
  const [, version, traceId, spanId, more] = traceparent.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  if (version === "00" && more !== undefined) return undefined;
  return { traceId, spanId };
}
