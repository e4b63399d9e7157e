import { z } from "zod";
import type { JobSpec, ScheduleSpec } from "../spec/job-spec.ts";
import type { AnalysisSpec, RolloutPolicy, Step } from "../spec/rollout-policy.ts";
import { devicePattern, type SecretSpec, type ServerShape, ulimitNames } from "../spec/server-shape.ts";
import { emailPattern, type TrafficSpec } from "../spec/traffic-spec.ts";
import type { UpkeepPolicy } from "../spec/upkeep-policy.ts";
import type { VolumeSpec } from "../spec/volume-spec.ts";
import { mostTrafficBytes, trafficBytes } from "../traffic/listener.ts";
import { amount, count, durationMs, maybe, printable } from "./values.ts";

/** As kiln.yaml writes it: no `.`, `..` or `//` in it, so it leads nowhere else. */
export const placedPath = z
  .string()
  .max(4_000)
  .regex(/^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/, "an absolute path in its shortest form");

const volumeName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, "a volume's name of lower-case letters, digits and hyphens");

const volume = z.strictObject({
  name: volumeName,
  path: placedPath,
  sizeBytes: z
    .number()
    .int()
    .min(16 * 1024 ** 2)
    .optional(),
  shared: z.boolean(),
  snapshot: z.literal("before-rollout").optional(),
  keep: z.number().int().min(1).max(100).optional(),
  dataVersion: z.number().int().min(1).max(1_000_000_000).optional(),
}) satisfies z.ZodType<VolumeSpec>;
const ulimit = z.number().int().min(-1);

export const shape = z.strictObject({
  port: maybe(z.number().int().min(1).max(65_535)),
  env: z.record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a name of letters, digits and underscores"),
    z.string().regex(/^[^\0]*$/, "no NUL"),
  ),
  memoryBytes: maybe(z.number().int().min(1)),
  cpus: maybe(z.number().positive().max(1_024)),
  writable: z.array(z.string().regex(/^\/[^\0]*$/, "an absolute path")).max(100),
  volumes: z
    .array(volume)
    .max(16)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "each name once")
    .optional(),
  init: z.literal(true).optional(),
  stop: z
    .strictObject({
      signal: z
        .string()
        .regex(/^SIG[A-Z0-9+-]{2,12}$/, "a signal such as SIGQUIT")
        .optional(),
      graceMs: durationMs.optional(),
    })
    .optional(),
  sharedMemoryBytes: z.number().int().min(1).optional(),
  ulimits: z.partialRecord(z.enum(ulimitNames), z.strictObject({ soft: ulimit, hard: ulimit })).optional(),
  devices: z
    .array(z.string().regex(devicePattern, "a path such as /dev/fuse"))
    .min(1)
    .max(16)
    .refine((all) => new Set(all).size === all.length, "each device once")
    .optional(),
}) satisfies z.ZodType<ServerShape>;

const machinePath = z
  .string()
  .max(1_024)
  .regex(/^\/[^\p{Cc}\p{Zl}\p{Zp}]*$/u, "an absolute path");

export const secretName = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, "a secret's name, such as DB_PASSWORD");

const hostName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const wildcard = /^(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const routePath = /^\/$|^(\/[A-Za-z0-9._~!$&()+,;=:@%-]+)+$/;

const names = (name: z.ZodString) => z.array(name).min(1).max(100);

export const traffic = z
  .strictObject({
    mode: z.enum(["http", "tcp", "udp"]),
    listen: z.number().int().min(1).max(65_535),
    preview: z.number().int().min(1).max(65_535).optional(),
    host: maybe(z.string().regex(hostName, "a host name in lower case, without port")),
    hosts: names(
      z.string().regex(wildcard, "a host name in lower case, or a wildcard such as *.example.com"),
    ).optional(),
    paths: names(
      z.string().max(200).regex(routePath, "a path such as /api, without a slash at the end"),
    ).optional(),
    stripPrefix: z.boolean().optional(),
    tls: z
      .union([
        z.strictObject({ certificate: machinePath, key: machinePath }),
        z.strictObject({ secret: secretName }),
        z.strictObject({
          acme: z.strictObject({
            directory: z.url({ protocol: /^https$/ }).max(2000),
            challenge: z.enum(["dns-01"]).optional(),
            email: z.string().regex(emailPattern, "an address for mail").optional(),
            authority: machinePath.optional(),
          }),
        }),
      ])
      .optional(),
    address: z.union([z.ipv4(), z.ipv6()]).optional(),
    redirect: z
      .strictObject({
        http: z.number().int().min(1).max(65_535).optional(),
        hosts: names(z.string().regex(hostName, "a host name in lower case")).optional(),
      })
      .optional(),
    sticky: z.boolean().optional(),
    protocol: z.enum(["h2c"]).optional(),
    trustedProxies: z
      .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))
      .min(1)
      .max(100)
      .optional(),
    acceptProxy: z.boolean().optional(),
    sendProxy: z.boolean().optional(),
    accessLog: z.boolean().optional(),
    maintenance: z.string().min(1).max(4_000).optional(),
    limits: z
      .strictObject({
        bodyBytes: z.number().int().min(1).optional(),
        headersBytes: z.number().int().min(1).optional(),
        timeoutMs: durationMs.min(1).optional(),
        idleMs: durationMs.min(1).optional(),
      })
      .optional(),
  })
  .refine(
    (found) => trafficBytes(found) <= mostTrafficBytes,
    `at most ${mostTrafficBytes} bytes`,
  ) satisfies z.ZodType<TrafficSpec>;

export const secret = z.strictObject({
  name: secretName,
  delivery: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("file"), path: placedPath }),
    z.strictObject({
      kind: z.literal("env"),
      variable: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a name of letters, digits and underscores"),
    }),
  ]),
}) satisfies z.ZodType<SecretSpec>;

export const job = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, "a name of lower-case letters, digits and hyphens"),
  when: z.enum(["before", "after"]),
  command: z.array(z.string().regex(/^[^\0]*$/, "no NUL")).min(1),
  deadlineMs: durationMs.min(1),
}) satisfies z.ZodType<JobSpec>;

export const schedule = z.strictObject({
  name: job.shape.name,
  schedule: printable(200),
  timeZone: printable(100),
  command: job.shape.command,
  overlap: z.enum(["skip", "replace", "allow"]),
  deadlineMs: durationMs.min(1),
  keep: z.number().int().min(1).max(100),
}) satisfies z.ZodType<ScheduleSpec>;

const url = z.string().regex(/^https?:\/\/[!-~]+$/, "an http or https URL");

const analysis = z.strictObject({
  minRequests: amount,
  maxErrorRate: z.number().min(0).max(1),
  maxLatencyRatio: z.number().positive(),
  intervalMs: durationMs.min(1),
  query: z
    .strictObject({ url, query: printable(4_000), min: z.number().optional(), max: z.number().optional() })
    .optional(),
  http: url.optional(),
}) satisfies z.ZodType<AnalysisSpec>;

const step = z.strictObject({
  share: z.number().positive().max(1),
  holdMs: durationMs,
  analysis: analysis.optional(),
}) satisfies z.ZodType<Step>;

export const steps = z.array(step);

export const rolloutPolicy = z.strictObject({
  strategy: z.enum(["rolling", "blue-green", "canary", "recreate"]),
  steps: z.array(step).max(100),
  promote: z.enum(["auto", "manual"]),
  surge: count,
  unavailable: count,
  bakeMs: durationMs,
  drainMs: durationMs,
  keepWarmMs: durationMs,
  progressDeadlineMs: durationMs.min(1),
  onFailure: z.enum(["rollback", "stop"]),
}) satisfies z.ZodType<RolloutPolicy>;

export const upkeepPolicy = z.strictObject({
  drift: z.strictObject({
    response: z.enum(["replace", "quarantine", "report"]),
    maxConcurrent: z.union([
      z.strictObject({ servers: count.min(1) }),
      z.strictObject({ share: z.number().min(0).max(1) }),
    ]),
    ignore: z.array(z.string().max(300)).max(64),
  }),
  maxAgeMs: durationMs.min(1).optional(),
}) satisfies z.ZodType<UpkeepPolicy>;
