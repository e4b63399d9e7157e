import { z } from "zod";
import { finding, response } from "../../../domain/schema/drift.ts";
import { serverFailure } from "../../../domain/schema/observation.ts";
import { release } from "../../../domain/schema/release.ts";
import { rollout, warm } from "../../../domain/schema/rollout.ts";
import { amount, atMs, count, maybe, releaseNumber, tookMs } from "../../../domain/schema/values.ts";
import { reason, Service, service, trouble, warnings, wholeNumber } from "../common.ts";

const PageOfServices = z.strictObject({
  q: z.string().max(128).optional().describe("Only services whose name has this in it."),
  cursor: z.string().max(200).optional().describe("`next` of the page before. Absent: the first page."),
  limit: wholeNumber
    .pipe(z.number().min(1).max(1_000))
    .optional()
    .describe("Services on a page; 200 when absent."),
});

const TwoReleases = Service.extend({
  from: wholeNumber.describe("The number of a kept release."),
  to: wholeNumber.describe("The number of another."),
});

const serverTaint = z.object({
  finding,
  response,
  taintedAtMs: atMs,
  takenAtMs: maybe(atMs).describe("When it was taken out; absent while it waits, or is only reported."),
  evidenceAtMs: maybe(atMs),
  evidence: maybe(z.string()),
  held: z.boolean().describe("Someone is in it with `kiln exec`."),
  replacedBy: maybe(z.string()),
});

const ServerStatus = z.object({
  id: z.string(),
  takesPlaceOf: z
    .string()
    .optional()
    .describe("The server that this one replaces, while that one still exists."),
  service: z.string(),
  release: releaseNumber,
  version: z.string(),
  state: z.enum(["creating", "starting", "ready", "draining", "quarantined"]),
  sinceMs: atMs,
  createdAtMs: atMs,
  address: maybe(z.string()),
  inTraffic: z.boolean(),
  health: maybe(z.string()),
  taint: serverTaint.optional().describe("Absent while the server matches its release."),
});

const reproduction = z.object({
  id: z.string(),
  reproduces: z.string().describe("The server that it copies."),
  service: z.string(),
  release: releaseNumber,
  version: z.string(),
  state: z.enum(["unstarted", "creating", "running", "ended"]),
  createdAtMs: atMs,
  address: maybe(z.string()),
  reason: maybe(z.string()).describe("How the server ended."),
});

const ServiceStatus = z.object({
  service: z.string(),
  target: z
    .object({ name: z.string(), platform: z.string(), trouble: maybe(trouble) })
    .describe("With `trouble`, it cannot be seen now: its servers are shown as they were last seen."),
  move: z
    .object({
      target: z.object({ name: z.string(), platform: z.string(), trouble: maybe(trouble) }),
      phase: z
        .enum(["arriving", "left", "clearing"])
        .describe(
          "`arriving`: it comes to that target; `left`: it has left it, and its servers are kept there; `clearing`: what is there goes.",
        ),
      release: releaseNumber.describe("The one that has servers there."),
      addresses: z.array(z.string()).describe("Where the service is reached there."),
      untilMs: maybe(atMs).describe("Until when its servers are kept there. Absent: they are not."),
    })
    .optional()
    .describe(
      "The other target of a service that moves; its servers are among `servers`. Absent: it does not.",
    ),
  givenUp: z
    .array(z.object({ target: z.string(), release: releaseNumber }))
    .optional()
    .describe(
      "Targets that were given up after the service had left them: the release may still run there, and goes when the target answers. Absent: none.",
    ),
  count,
  serving: maybe(release),
  rollout: maybe(rollout),
  addresses: z
    .array(z.string())
    .describe("Where the service is reached, as the platform sees it; the newest last."),
  preview: maybe(z.object({ release: releaseNumber, address: z.string() })).describe(
    "The release that the preview port reaches before it has the traffic, and the address.",
  ),
  warm: z.array(warm),
  removing: z.boolean(),
  servers: z.array(ServerStatus),
  shares: z
    .array(z.object({ release: releaseNumber, share: z.number().min(0).max(1) }))
    .describe("What part of new traffic each release has, as the platform sees it."),
  jobs: z
    .array(
      z.object({
        id: z.string().describe("The job's id: its log is read like a server's."),
        release: releaseNumber,
        rollout: z.number().int().describe("0 for a run of no rollout."),
        run: z.number().int().optional().describe("The number of such a run."),
        name: z.string(),
        state: z.enum(["unstarted", "creating", "running", "succeeded", "failed"]),
      }),
    )
    .describe("Running jobs, and ended ones whose logs are kept."),
  reproductions: z.array(reproduction).describe("Copies of servers, made to be examined."),
  failures: z.array(serverFailure),
  trouble: maybe(trouble).describe("What holds the controller up; it tries again by itself."),
  warnings: warnings.describe("Problems of services that still serve, but will not always."),
  vulnerabilities: maybe(
    z.object({
      found: amount,
      fixable: amount.describe("Those that a newer package fixes."),
      worst: z.enum(["unknown", "negligible", "low", "medium", "high", "critical"]),
      dataAtMs: atMs.describe("When the newest data was made."),
    }),
  ).describe("Of the serving release's image. Absent: there is no data, or it has not been scanned yet."),
  reach: z
    .object({
      allow: z.array(z.string()).describe("`network.allow` of the release that serves, or its default."),
      callers: z.array(z.string()).describe("Other services of the target that may reach this one by name."),
      callees: z.array(z.string()).describe("Those that it may reach by name."),
    })
    .optional()
    .describe("Of one service alone, where the platform has names."),
});

const ServiceStatusList = z.array(ServiceStatus);

const attention = z
  .enum(["broken", "failed", "drifted", "stuck", "waiting", "moving", "warned", "steady"])
  .describe(
    "Why someone should look, worst first: nothing is ready; the newest rollout failed within a day; a server was changed; something holds it up; a rollout waits for someone; something is under way; a warning; nothing.",
  );

const overviewRow = z.object({
  ...{ service: z.string(), target: z.string(), attention },
  why: maybe(z.string()).describe("One sentence for what needs attention."),
  count,
  servers: z
    .array(z.object({ state: z.enum([...ServerStatus.shape.state.options, "warm"]), number: amount }))
    .describe("How many are in which state; `warm`: ready, kept for a rollback."),
  drifted: amount.describe("Servers that differ from their release."),
  serving: maybe(
    z.object({ release: releaseNumber, version: z.string(), sinceMs: atMs, by: z.string() }),
  ).describe("Since when, and who brought it."),
  rollout: maybe(
    z.object({
      id: z.number().int(),
      ...{ kind: rollout.shape.kind, to: releaseNumber, phase: rollout.shape.phase, by: z.string() },
      ...{ step: amount.describe("From 1."), steps: amount, share: z.number().min(0).max(1) },
    }),
  ),
});

const Overview = z.object({
  total: amount.describe("Services on all pages."),
  counts: z.record(attention, amount).describe("How many services on all pages need what attention."),
  services: z.array(overviewRow),
  next: maybe(z.string()).describe("The cursor of the next page. Absent: this is the last."),
});

const Diff = z.object({ changes: z.array(z.string()).describe("One sentence each; none: they are equal.") });

const PastRollout = rollout.extend({
  phases: z.object({
    raisingMs: tookMs.optional(),
    movingMs: tookMs.optional(),
    holdingMs: tookMs.optional(),
    backMs: tookMs.optional(),
  }),
});

const History = z.object({
  releases: z.array(
    z.object({
      release: release,
      state: z.enum(["serving", "warm", "kept", "image gone"]),
      keep: z
        .object({ atMs, by: z.string(), reason: maybe(z.string()) })
        .optional()
        .describe("Who keeps it, however old it becomes. Absent: no one."),
    }),
  ),
  rollouts: z.array(PastRollout).describe("Newest first."),
});

const KeepRelease = z.strictObject({
  service,
  release: wholeNumber,
  keep: z.boolean().describe("False: no longer."),
  reason,
});

const ReleaseKept = z.object({ changed: z.boolean().describe("False: it was so already.") });

/** What the operations are asked with. */
export const servicesAsks = { KeepRelease, TwoReleases, PageOfServices };

/** What they answer. */
export const servicesAnswers = { Diff, History, Overview, ReleaseKept, ServiceStatus, ServiceStatusList };
