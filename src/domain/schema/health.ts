import { z } from "zod";
import type { HealthSpec } from "../spec/server-shape.ts";
import { durationMs } from "./values.ts";

const hostName = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, "a host name");
const status = z.number().int().min(100).max(599);

/** RFC 9110 section 5.1: a token. */
const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, "the name of a header");

/** TCP port of the server. */
const port = z.number().int().min(1).max(65_535).optional();

const tls = z.strictObject({ ca: z.string().max(64_000).optional() });

const check = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("http"),
    path: z.string().regex(/^\/[!-~]*$/, "a path such as /healthz"),
    method: z.enum(["HEAD", "OPTIONS"]).optional(),
    host: hostName.optional(),
    headers: z
      .record(headerName, z.string().regex(/^[\t -~]{0,2000}$/, "visible ASCII characters"))
      .refine((headers) => Object.keys(headers).length <= 32, "at most 32 headers")
      .optional(),
    statuses: z
      .array(z.strictObject({ first: status, last: status }))
      .min(1)
      .max(32)
      .optional(),
    body: z.string().min(1).max(1_000).optional(),
    tls: tls.optional(),
    port,
  }),
  z.strictObject({
    kind: z.literal("grpc"),
    service: z.string().regex(/^[A-Za-z0-9_./-]{0,200}$/, "the name of a gRPC service"),
    host: hostName.optional(),
    tls: tls.optional(),
    port,
  }),
  z.strictObject({ kind: z.literal("tcp"), port }),
  z.strictObject({ kind: z.literal("alive") }),
]);

export const health = z.strictObject({
  check,
  intervalMs: durationMs.min(1),
  timeoutMs: durationMs.min(1),
  ready: z.number().int().min(1).max(100),
  unready: z.number().int().min(1).max(100),
  deadlineMs: durationMs.min(1),
  startPeriodMs: durationMs.optional(),
}) satisfies z.ZodType<HealthSpec>;
