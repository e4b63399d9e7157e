import { createHash } from "node:crypto";
import { version } from "../../../lib/version.ts";
import type { Attributes, Span } from "./rollout-trace.ts";

/**
 * An `ExportTraceServiceRequest` in the JSON of OTLP 1.x (opentelemetry-proto, "JSON Protobuf Encoding": ids in hex, 64-bit numbers as
 * text). Ids follow from the log alone, so that a trace that is exported twice is one trace. Without spans it asks nothing of a collector.
 */
export function traceRequest(spans: readonly Span[], installation: string): object {
  const [root] = spans;
  if (root === undefined) return { resourceSpans: [] };
  const identity = hex(16, installation, root.sequence, root.fromMs);
  const traceId = root.within?.traceId ?? identity;
  const idOf = (kind: string, sequence: number) => hex(8, identity, kind, sequence);
  const spanId = ({ parent, sequence, isBuild = false }: Span) => {
    if (parent === undefined) return idOf("rollout", sequence);
    if (isBuild) return idOf("build", sequence);
    return idOf(parent === "rollout" ? "part" : "hold", sequence);
  };
  const parentOf = ({ parent, within }: Span) => {
    if (parent === undefined) return within === undefined ? {} : { parentSpanId: within.spanId };
    return {
      parentSpanId: parent === "rollout" ? spanId(root) : idOf("part", parent.step),
    };
  };
  const resource = {
    "service.name": "kiln",
    "service.version": version,
    "service.instance.id": installation,
  };
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [
          {
            scope: { name: "kiln", version },
            spans: spans.map((span) => ({
              ...{ traceId, spanId: spanId(span), ...parentOf(span), name: span.name },
              kind: span.parent === undefined ? kinds.server : kinds.internal,
              ...{ startTimeUnixNano: nanos(span.fromMs), endTimeUnixNano: nanos(span.toMs) },
              attributes: attributesOf(span.attributes),
              events: span.events.map(({ name, atMs, attributes }) => ({
                ...{ name, timeUnixNano: nanos(atMs), attributes: attributesOf(attributes) },
              })),
              status:
                span.failed === undefined ? { code: codes.ok } : { code: codes.error, message: span.failed },
            })),
          },
        ],
      },
    ],
  };
}

/** trace.proto, `Span.SpanKind` and `Status.StatusCode`. */
const kinds = { internal: 1, server: 2 } as const;
const codes = { ok: 1, error: 2 } as const;

/** The first `bytes` of a digest over what identifies it. */
function hex(bytes: number, ...of: readonly (string | number)[]): string {
  return createHash("sha256")
    .update(of.join("\n"))
    .digest("hex")
    .slice(0, 2 * bytes);
}

function nanos(ms: number): string {
  return `${BigInt(Math.round(ms)) * 1_000_000n}`;
}

function attributesOf(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

/** common.proto, `AnyValue`. */
function anyValue(value: Attributes[string]): object {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "string") return { stringValue: value };
  return Number.isInteger(value) ? { intValue: `${value}` } : { doubleValue: value };
}
