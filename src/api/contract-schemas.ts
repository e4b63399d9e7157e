import { z } from "zod";
import type { ExportedCheckpoint as ExportedCheckpointType } from "../audit/checkpoint.ts";
import { mostFindings } from "../audit/replay.ts";
import type {
  Accepted as AcceptedType,
  AcceptRequest,
  ArchivePiece as ArchivePieceType,
  AuditKey as AuditKeyType,
  AuditStatus as AuditStatusType,
  CheckRequest,
  ControllerStatus as ControllerStatusType,
  DeployRequest,
  DriftReport,
  EvidenceReport as EvidenceReportType,
  EvidenceSummary,
  ExecGrant as ExecGrantType,
  History as HistoryType,
  PlanPreview as PlanPreviewType,
  ReproductionStatus,
  SecretSet as SecretSetType,
  SecretVersion as SecretVersionType,
  ServerStatus as ServerStatusType,
  ServerTaint,
  ServiceStatus as ServiceStatusType,
} from "../controller/operations.ts";
import type { Action as ActionType } from "../domain/actions.ts";
import { driftKinds } from "../domain/drift.ts";
import type { KilnEvent as KilnEventType } from "../domain/event.ts";
import type { ServerFailure as ServerFailureType } from "../domain/observation.ts";
import type {
  Release as ReleaseType,
  UnbuiltRelease as UnbuiltReleaseType,
  WantedRelease as WantedReleaseType,
} from "../domain/release.ts";
import type { JobRun, Origin, Rollout as RolloutType, Verdict } from "../domain/rollout.ts";
import type {
  AnalysisSpec,
  HealthSpec,
  JobSpec,
  RolloutPolicy as RolloutPolicyType,
  SecretSpec,
  ServerShape,
  Step,
  TrafficSpec,
  UpkeepPolicy as UpkeepPolicyType,
} from "../domain/spec.ts";
import { type ErrorCode, errorCodes } from "../lib/error-codes.ts";
import type { ErrorJson as ErrorJsonType } from "../lib/errors.ts";
import type { LogLine as LogLineType } from "../platform/platform.ts";

/** The shapes that travel. Each `satisfies` the type that the rest of Kiln knows it by, so that the two cannot part. */

/** Every named schema, for OpenAPI's `components`. */
export const schemas = z.registry<{ readonly id: string }>();

/**
 * JSON has no undefined: what may be undefined in Kiln's types may be absent here. (The type keeps the key, as those
 * types do; that is all the cast says.)
 */
function maybe<Schema extends z.ZodType>(schema: Schema): z.ZodType<z.output<Schema> | undefined> {
  return schema.optional() as unknown as z.ZodType<z.output<Schema> | undefined>;
}

const atMs = z.number().int().min(0).describe("Unix time in ms.");
/** A year: nobody waits longer, and timers take no more than 2^31 ms in steps. */
const durationMs = z.number().int().min(0).max(31_536_000_000);
/** How long something took, by the clock: one that was set meanwhile may have shown years. */
const tookMs = z.number().int().min(0);
const releaseNumber = z.number().int().min(1);
const amount = z.number().int().min(0);
const count = amount.max(1_000);
const printable = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[^\p{Cc}]*$/u, "no control characters");

const by = printable(200).describe("Who asks, for history: `user@machine`.");

/** A service key as a deploy may make it; other calls take any text and say when there is no such service. */
export const newServiceKey = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}(\.[a-z][a-z0-9-]{0,31})?$/, "a service's name, optionally with .ENVIRONMENT");

const shape = z.strictObject({
  port: maybe(z.number().int().min(1).max(65_535)),
  env: z.record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a name of letters, digits and underscores"),
    z.string().regex(/^[^\0]*$/, "no NUL"),
  ),
  memoryBytes: maybe(z.number().int().min(1)),
  cpus: maybe(z.number().positive().max(1_024)),
  writable: z.array(z.string().regex(/^\/[^\0]*$/, "an absolute path")).max(100),
}) satisfies z.ZodType<ServerShape>;

const health = z.strictObject({
  check: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("http"),
      path: z.string().regex(/^\/[!-~]*$/, "a path such as /healthz"),
    }),
    z.strictObject({ kind: z.literal("tcp") }),
    z.strictObject({ kind: z.literal("alive") }),
  ]),
  intervalMs: durationMs.min(1),
  timeoutMs: durationMs.min(1),
  ready: z.number().int().min(1).max(100),
  unready: z.number().int().min(1).max(100),
  deadlineMs: durationMs.min(1),
}) satisfies z.ZodType<HealthSpec>;

const machinePath = z
  .string()
  .max(1_024)
  .regex(/^\/[^\p{Cc}\p{Zl}\p{Zp}]*$/u, "an absolute path");

const traffic = z.strictObject({
  mode: z.enum(["http", "tcp"]),
  listen: z.number().int().min(1).max(65_535),
  preview: z.number().int().min(1).max(65_535).exactOptional(),
  host: maybe(
    z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, "a host name in lower case, without port"),
  ),
  tls: z.strictObject({ certificate: machinePath, key: machinePath }).exactOptional(),
}) satisfies z.ZodType<TrafficSpec>;

/** As kiln.yaml writes it: no `.`, `..` or `//` in it, so it leads nowhere else. */
const placedPath = z
  .string()
  .max(4_000)
  .regex(/^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/, "an absolute path in its shortest form");

export const secretName = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, "a secret's name, such as DB_PASSWORD");

const secret = z.strictObject({
  name: secretName,
  delivery: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("file"), path: placedPath }),
    z.strictObject({
      kind: z.literal("env"),
      variable: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a name of letters, digits and underscores"),
    }),
  ]),
}) satisfies z.ZodType<SecretSpec>;

const mode = z.number().int().min(0).max(0o7777).describe("Permission bits.");
const base64 = z.base64();
const mostFiles = 64;
const mostFileBytes = 1024 * 1024;

const file = z.strictObject({ to: placedPath, mode, content: base64.describe("Its bytes, as base64.") });

const job = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, "a name of lower-case letters, digits and hyphens"),
  when: z.enum(["before", "after"]),
  command: z.array(z.string().regex(/^[^\0]*$/, "no NUL")).min(1),
  deadlineMs: durationMs.min(1),
}) satisfies z.ZodType<JobSpec>;

const jobs = z
  .array(job)
  .max(32)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "each name once");

const built = {
  image: z.string().regex(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits"),
  version: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, "a version label"),
};

const draft = { ...built, shape, health, traffic: maybe(traffic), jobs };

const unbuilt = {
  ...{ shape, health, traffic: maybe(traffic), jobs },
  secrets: z.array(secret).max(64).describe("Servers get the newest version of each."),
  files: z
    .array(file)
    .max(mostFiles)
    .refine((files) => bytesOf(files) <= mostFileBytes, `at most ${mostFileBytes} bytes together`),
};

const UnbuiltRelease = z
  .strictObject(unbuilt)
  .register(schemas, { id: "UnbuiltRelease" }) satisfies z.ZodType<UnbuiltReleaseType>;

const WantedRelease = z
  .strictObject({ ...built, ...unbuilt })
  .register(schemas, { id: "WantedRelease" }) satisfies z.ZodType<WantedReleaseType>;

function bytesOf(files: readonly { readonly content: string }[]): number {
  return files.reduce((sum, { content }) => sum + Buffer.byteLength(content, "base64"), 0);
}

const url = z.string().regex(/^https?:\/\/[!-~]+$/, "an http or https URL");

const analysis = z.strictObject({
  minRequests: amount,
  maxErrorRate: z.number().min(0).max(1),
  maxLatencyRatio: z.number().positive(),
  intervalMs: durationMs.min(1),
  query: maybe(
    z.strictObject({ url, query: printable(4_000), min: maybe(z.number()), max: maybe(z.number()) }),
  ),
  http: maybe(url),
}) satisfies z.ZodType<AnalysisSpec>;

const step = z.strictObject({
  share: z.number().positive().max(1),
  holdMs: durationMs,
  analysis: maybe(analysis),
}) satisfies z.ZodType<Step>;

const origin = z.strictObject({
  commit: maybe(z.string().regex(/^[0-9a-f]{40,64}$/, "a git commit id")),
  dirty: maybe(z.boolean()),
  ci: maybe(printable(500)),
}) satisfies z.ZodType<Origin>;

const RolloutPolicy = z
  .strictObject({
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
  })
  .register(schemas, { id: "RolloutPolicy" }) satisfies z.ZodType<RolloutPolicyType>;

const UpkeepPolicy = z
  .strictObject({
    drift: z.strictObject({
      response: z.enum(["replace", "quarantine", "report"]),
      maxConcurrent: z.union([
        z.strictObject({ servers: count.min(1) }),
        z.strictObject({ share: z.number().min(0).max(1) }),
      ]),
      ignore: z.array(z.string().max(300)).max(64),
    }),
    maxAgeMs: maybe(durationMs.min(1)),
  })
  .register(schemas, { id: "UpkeepPolicy" }) satisfies z.ZodType<UpkeepPolicyType>;

const supersede = maybe(z.boolean()).describe("End a running rollout in favour of this one.");

export const CheckBody = z
  .strictObject({ draft: UnbuiltRelease, supersede })
  .register(schemas, { id: "CheckBody" }) satisfies z.ZodType<Omit<CheckRequest, "service">>;

export const DeployBody = z
  .strictObject({
    count,
    draft: WantedRelease,
    policy: RolloutPolicy,
    upkeep: maybe(UpkeepPolicy).describe(
      "What is done about drift and age of its servers; as it is when absent.",
    ),
    by,
    origin: maybe(origin),
    supersede,
  })
  .register(schemas, { id: "DeployBody" }) satisfies z.ZodType<Omit<DeployRequest, "service">>;

export const RollbackBody = z
  .strictObject({ release: maybe(releaseNumber.describe("The last good one when absent.")), by })
  .register(schemas, { id: "RollbackBody" });

export const ScaleBody = z.strictObject({ count, by }).register(schemas, { id: "ScaleBody" });

export const ByBody = z.strictObject({ by }).register(schemas, { id: "ByBody" });

const givenReason = z.string().trim().min(1).max(1_000);

export const AcceptBody = z
  .strictObject({
    breaks: z.array(z.string().regex(/^[0-9a-f]{32}$/, "32 hex digits")).max(mostFindings),
    first: maybe(amount).describe("Where the first of them is."),
    upTo: amount.describe("The last entry that was replayed."),
    reason: givenReason,
    by,
  })
  .register(schemas, { id: "AcceptBody" }) satisfies z.ZodType<AcceptRequest>;

export const Recorded = z
  .object({ sequence: z.number().int().describe("Its place in the event log.") })
  .register(schemas, { id: "Recorded" });

export const ExecBody = z
  .strictObject({
    command: z.array(z.string().max(100_000)).min(1).max(1_000),
    reason: givenReason,
    terminal: z.boolean(),
    pid: z.number().int().min(1).describe("The process that runs it, and ends with the session."),
    by,
  })
  .register(schemas, { id: "ExecBody" });

export const EndExecBody = z
  .strictObject({ exitCode: z.number().int().min(0).max(255) })
  .register(schemas, { id: "EndExecBody" });

export const ExecGrant = z
  .object({
    session: z.number().int(),
    argv: z.array(z.string()).describe("What to run on the server's machine."),
    transcript: z.string().describe("A file there that takes the transcript."),
  })
  .register(schemas, { id: "ExecGrant" }) satisfies z.ZodType<ExecGrantType>;

const Release = z
  .object({
    ...draft,
    secrets: z.array(secret.extend({ version: z.number().int().min(1) })),
    files: z.array(z.object({ to: z.string(), mode, digest: z.string() })),
    service: z.string(),
    number: releaseNumber,
    createdAtMs: atMs,
    createdBy: z.string(),
  })
  .register(schemas, { id: "Release" }) satisfies z.ZodType<ReleaseType>;

const verdict = z.object({
  outcome: z.enum(["pass", "fail", "inconclusive"]),
  reason: z.string(),
  atMs,
}) satisfies z.ZodType<Verdict>;

const jobEnd = z.object({
  outcome: z.enum(["succeeded", "failed", "stopped"]),
  atMs,
  exitCode: maybe(z.number().int()),
  reason: z.string(),
  logTail: z.array(z.string()),
});

const jobRun = z.object({
  name: z.string(),
  when: z.enum(["before", "after"]),
  startedAtMs: atMs,
  deadlineMs: durationMs,
  end: maybe(jobEnd).describe("Absent while it runs."),
}) satisfies z.ZodType<JobRun>;

export const Rollout = z
  .object({
    id: z.number().int(),
    service: z.string(),
    kind: z.enum(["deploy", "rollback"]),
    from: maybe(releaseNumber),
    to: releaseNumber,
    policy: RolloutPolicy,
    steps: z.array(step),
    phase: z.enum(["forward", "back", "paused", "complete", "rolled-back", "failed", "superseded"]),
    step: amount,
    startedAtMs: atMs,
    startedBy: z.string(),
    origin: maybe(origin),
    changes: z.array(z.string()),
    movedAtMs: maybe(atMs),
    highestReady: amount,
    progressAtMs: atMs,
    judgedFromMs: atMs,
    promoted: z.boolean(),
    jobs: z.array(jobRun).describe("Jobs that have begun."),
    verdict: maybe(verdict),
    endedAtMs: maybe(atMs),
    reason: maybe(z.string()),
  })
  .register(schemas, { id: "Rollout" }) satisfies z.ZodType<RolloutType>;

export const Accepted = z
  .object({
    service: z.string(),
    release: z.number().int(),
    rollout: maybe(z.number().int()).describe("Absent when nothing has to be rolled out."),
    scaled: maybe(z.object({ from: count, to: count })),
    adopted: z
      .array(z.string())
      .exactOptional()
      .describe("What changes of how the service is rolled out and looked after. Absent: nothing."),
  })
  .register(schemas, { id: "Accepted" }) satisfies z.ZodType<AcceptedType>;

const warm = z.object({ release: releaseNumber, untilMs: atMs });
const reason = z.string();
const change = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("progress"), rollout: z.number(), highestReady: amount, atMs }),
  z.object({ kind: z.literal("moved"), rollout: z.number(), atMs }),
  z.object({ kind: z.literal("step"), rollout: z.number(), step: amount, atMs }),
  z.object({ kind: z.literal("turn-back"), rollout: z.number(), atMs }),
  z.object({ kind: z.literal("pause"), rollout: z.number() }),
  z.object({ kind: z.literal("judged"), rollout: z.number(), verdict }),
  z.object({ kind: z.literal("job-started"), rollout: z.number(), job, atMs }),
  z.object({ kind: z.literal("job-ended"), rollout: z.number(), job: z.string(), end: jobEnd, atMs }),
  z.object({
    kind: z.literal("end"),
    rollout: z.number(),
    phase: z.enum(["complete", "rolled-back", "failed"]),
    serving: maybe(releaseNumber),
    warm: z.array(warm),
    atMs,
  }),
  z.object({ kind: z.literal("warm-over"), release: releaseNumber }),
  z.object({ kind: z.literal("taint-over"), server: z.string() }),
  z.object({ kind: z.literal("gone") }),
]);

const Action = z
  .discriminatedUnion("kind", [
    z.object({
      kind: z.literal("resize"),
      service: z.string(),
      release: releaseNumber,
      size: count,
      replacing: maybe(
        z.array(z.string()).describe("Servers that stand beside the others until they are taken out."),
      ),
      reason,
    }),
    z.object({ kind: z.literal("quarantine"), service: z.string(), server: z.string(), reason }),
    z.object({ kind: z.literal("retire"), service: z.string(), server: z.string(), reason }),
    z.object({
      kind: z.literal("route"),
      service: z.string(),
      shares: z.array(z.object({ release: releaseNumber, share: z.number() })),
      reason,
    }),
    z.object({
      kind: z.literal("preview"),
      service: z.string(),
      release: maybe(releaseNumber.describe("Absent: none.")),
      reason,
    }),
    z.object({ kind: z.literal("analyse"), service: z.string(), rollout: z.number(), reason }),
    z.object({
      kind: z.literal("run-job"),
      service: z.string(),
      rollout: z.number(),
      job: z.string(),
      reason,
    }),
    z.object({ kind: z.literal("end-job"), service: z.string(), job: z.string(), reason }),
    z.object({ kind: z.literal("forget-job"), service: z.string(), job: z.string(), reason }),
    z.object({ kind: z.literal("destroy"), service: z.string(), server: z.string(), reason }),
    z.object({ kind: z.literal("record"), service: z.string(), change, reason }),
  ])
  .register(schemas, { id: "Action" }) satisfies z.ZodType<ActionType>;

export const PlanPreview = z
  .object({
    service: z.string(),
    serving: maybe(Release),
    changes: z.array(z.string()),
    actions: z.array(Action),
    peakServers: amount,
    fewestInTraffic: amount,
    downtime: z.string(),
  })
  .register(schemas, { id: "PlanPreview" }) satisfies z.ZodType<PlanPreviewType>;

const ServerFailure = z
  .object({
    id: z.string(),
    atMs,
    kind: z.enum(["exited", "unready", "not-created"]),
    reason: z.string(),
    permanent: z.boolean().optional(),
    probes: z.array(z.string()),
    logTail: z.array(z.string()),
  })
  .register(schemas, { id: "ServerFailure" }) satisfies z.ZodType<ServerFailureType>;

const trouble = z.object({ message: z.string(), hint: maybe(z.string()), sinceMs: atMs });

const finding = z.object({
  server: z.string(),
  kind: z.enum([...driftKinds, "exec"]),
  subject: z.string().describe("What of that kind: a mount point, a file, a limit's name."),
  detail: z.string(),
  atMs,
  culprit: maybe(
    z.object({
      pid: z.number().int(),
      uid: z.number().int(),
      loginUid: maybe(z.number().int()),
      executable: maybe(z.string()),
      name: z.string(),
    }),
  ).describe("Who did it, as far as the kernel tells."),
  seenBy: z.string(),
});

const response = z.enum(["replace", "quarantine", "report"]);

const serverTaint = z.object({
  finding,
  response,
  taintedAtMs: atMs,
  takenAtMs: maybe(atMs).describe("When it was taken out; absent while it waits, or is only reported."),
  evidenceAtMs: maybe(atMs),
  evidence: maybe(z.string()),
  held: z.boolean().describe("Somebody is in it with `kiln exec`."),
  replacedBy: maybe(z.string()),
}) satisfies z.ZodType<ServerTaint>;

export const DriftReports = z
  .array(finding.extend({ service: z.string(), response: maybe(response) }))
  .register(schemas, { id: "DriftReports" }) satisfies z.ZodType<DriftReport[]>;

const evidenceSummary = z.object({
  digest: z.string().describe("Of the archive."),
  server: z.string(),
  release: releaseNumber,
  image: z.string(),
  taint: z.object({ kind: z.string(), subject: z.string(), detail: z.string(), atMs }),
  atMs,
  bytes: amount,
  left: z.array(z.string()).describe("Paths of writable places that had no room."),
}) satisfies z.ZodType<EvidenceSummary>;

export const EvidenceList = z.array(evidenceSummary).register(schemas, { id: "EvidenceList" });

export const EvidenceReport = evidenceSummary
  .extend({
    culprit: finding.shape.culprit,
    processes: z.array(
      z.object({
        pid: z.number().int(),
        parent: z.number().int(),
        uid: z.number().int(),
        name: z.string(),
        state: z.string(),
        argv: z.array(z.string()),
        executable: maybe(z.string()),
        workingFolder: maybe(z.string()),
        namespaces: z.record(z.string(), z.string()),
        files: z.record(z.string(), z.string()),
        own: z.boolean().describe("Whether it is of the server's cgroup."),
      }),
    ),
    mounts: z.array(z.string()),
    transcripts: z.array(z.string()).exactOptional().describe("Paths in the archive: what people did in it."),
    log: z.array(z.string()),
  })
  .register(schemas, { id: "EvidenceReport" }) satisfies z.ZodType<EvidenceReportType>;

export const ArchivePiece = z
  .object({ data: base64 })
  .register(schemas, { id: "ArchivePiece" }) satisfies z.ZodType<ArchivePieceType>;

const ServerStatus = z
  .object({
    id: z.string(),
    service: z.string(),
    release: releaseNumber,
    version: z.string(),
    state: z.enum(["creating", "starting", "ready", "draining", "quarantined"]),
    sinceMs: atMs,
    createdAtMs: atMs,
    address: maybe(z.string()),
    inTraffic: z.boolean(),
    health: maybe(z.string()),
    taint: maybe(serverTaint).describe("Absent while it is what it was made as."),
  })
  .register(schemas, { id: "ServerStatus" }) satisfies z.ZodType<ServerStatusType>;

const reproduction = z.object({
  id: z.string(),
  reproduces: z.string().describe("The server that it is like."),
  service: z.string(),
  release: releaseNumber,
  version: z.string(),
  state: z.enum(["unstarted", "creating", "running", "ended"]),
  createdAtMs: atMs,
  address: maybe(z.string()),
  reason: maybe(z.string()).describe("How it ended."),
}) satisfies z.ZodType<ReproductionStatus>;

export const Reproduced = z.object({ id: z.string() }).register(schemas, { id: "Reproduced" });

export const ServiceStatus = z
  .object({
    service: z.string(),
    count,
    serving: maybe(Release),
    rollout: maybe(Rollout),
    preview: maybe(z.object({ release: releaseNumber, address: z.string() })).describe(
      "The release that can be tried before it has the traffic, and where.",
    ),
    warm: z.array(warm),
    removing: z.boolean(),
    servers: z.array(ServerStatus),
    jobs: z
      .array(
        z.object({
          id: z.string().describe("Its lines are read like a server's."),
          release: releaseNumber,
          rollout: z.number().int(),
          name: z.string(),
          state: z.enum(["unstarted", "creating", "running", "succeeded", "failed"]),
        }),
      )
      .describe("Running ones, and those whose logs are kept."),
    reproductions: z.array(reproduction).describe("Servers that were made like others, to look into."),
    failures: z.array(ServerFailure),
    trouble: maybe(trouble).describe("What keeps the controller from going on; it tries again by itself."),
    warnings: z
      .array(z.object({ message: z.string(), hint: maybe(z.string()) }))
      .describe("What goes on serving for now but will not always."),
  })
  .register(schemas, { id: "ServiceStatus" }) satisfies z.ZodType<ServiceStatusType>;

export const ServiceStatusList = z.array(ServiceStatus).register(schemas, { id: "ServiceStatusList" });

const PastRollout = Rollout.extend({
  phases: z.object({
    raisingMs: maybe(tookMs),
    movingMs: maybe(tookMs),
    holdingMs: maybe(tookMs),
    backMs: maybe(tookMs),
  }),
});

export const History = z
  .object({
    releases: z.array(
      z.object({ release: Release, state: z.enum(["serving", "warm", "kept", "image gone"]) }),
    ),
    rollouts: z.array(PastRollout).describe("Newest first."),
  })
  .register(schemas, { id: "History" }) satisfies z.ZodType<HistoryType>;

export const SecretBody = z
  .strictObject({ value: base64.max(1_500_000).describe("At most 64 KiB, as base64."), by })
  .register(schemas, { id: "SecretBody" });

export const SecretSet = z
  .object({ version: releaseNumber, changed: z.boolean() })
  .register(schemas, { id: "SecretSet" }) satisfies z.ZodType<SecretSetType>;

const SecretVersion = z
  .object({
    service: z.string(),
    name: z.string(),
    version: z.number().int().min(1),
    createdAtMs: atMs,
    createdBy: z.string(),
    releases: z.array(releaseNumber).describe("The kept releases whose servers get it."),
  })
  .register(schemas, { id: "SecretVersion" }) satisfies z.ZodType<SecretVersionType>;

export const Secrets = z.array(SecretVersion).register(schemas, { id: "Secrets" });

export const ImagesInUse = z
  .record(z.string(), z.array(z.string()))
  .describe("By image digest, the kept releases that use it.")
  .register(schemas, { id: "ImagesInUse" });

export const KilnEvent = z
  .object({
    sequence: z.number().int().min(1),
    atMs,
    service: maybe(z.string()),
    kind: z.string(),
    message: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .register(schemas, { id: "KilnEvent" }) satisfies z.ZodType<KilnEventType>;

const checkpoint = z.object({
  sequence: amount.describe("The last entry that it covers."),
  digest: z.string(),
  atMs,
  keyId: z.string(),
  signature: base64.describe("Ed25519, over the canonical JSON (RFC 8785) of the members above."),
});

export const ExportedCheckpoint = checkpoint
  .extend({ publicKey: z.string().describe("PEM.") })
  .register(schemas, { id: "Checkpoint" }) satisfies z.ZodType<ExportedCheckpointType>;

export const AuditKey = z
  .object({ keyId: z.string(), publicKey: z.string().describe("PEM.") })
  .register(schemas, { id: "AuditKey" }) satisfies z.ZodType<AuditKeyType>;

export const AuditStatus = z
  .object({
    entries: amount,
    checkpoint: maybe(checkpoint).describe("The last that was signed."),
    key: maybe(AuditKey),
    troubles: z.array(trouble),
  })
  .register(schemas, { id: "AuditStatus" }) satisfies z.ZodType<AuditStatusType>;

export const LogLine = z
  .object({ atMs, stream: z.enum(["stdout", "stderr"]), text: z.string() })
  .register(schemas, { id: "LogLine" }) satisfies z.ZodType<LogLineType>;

const gap = z.object({ what: z.string(), remedy: z.string(), severity: z.enum(["fatal", "degraded"]) });

const integrityTier = z.object({
  name: z.enum(["kernel", "scan", "none"]),
  facts: z.array(
    z.object({
      what: z.string(),
      speed: z.enum(["prevented", "milliseconds", "seconds", "minutes", "unseen"]),
      how: z.string(),
    }),
  ),
});

export const ControllerStatus = z
  .object({
    pid: z.number().int(),
    version: z.string(),
    home: z.string(),
    startedAtMs: atMs,
    services: amount,
    servers: amount,
    readiness: z.object({
      usable: z.boolean(),
      gaps: z.array(gap),
      facts: z.array(z.string()),
      integrity: integrityTier.exactOptional().describe("Absent where servers are not inspected."),
    }),
  })
  .register(schemas, { id: "ControllerStatus" }) satisfies z.ZodType<ControllerStatusType>;

const place = z.object({
  file: z.string(),
  line: z.number().exactOptional(),
  column: z.number().exactOptional(),
});

export const ErrorAnswer = z
  .object({
    code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    hint: z.string().exactOptional().describe("What can be done about it."),
    retry: z.boolean().describe("The same call may succeed later."),
    problems: z
      .array(
        z.object({ place: place.exactOptional(), message: z.string(), hint: z.string().exactOptional() }),
      )
      .exactOptional(),
  })
  .register(schemas, { id: "Error" }) satisfies z.ZodType<ErrorJsonType>;
