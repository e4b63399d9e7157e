import { z } from "zod";
import { action } from "../domain/schema/actions.ts";
import { admission, imagePolicy, trustedKey } from "../domain/schema/admission.ts";
import { finding, response } from "../domain/schema/drift.ts";
import { serverFailure } from "../domain/schema/observation.ts";
import { approval, freeze, override, policyFile } from "../domain/schema/policy.ts";
import { release } from "../domain/schema/release.ts";
import { jobEnd, rollout, warm } from "../domain/schema/rollout.ts";
import { targetOptions } from "../domain/schema/target.ts";
import { trafficSpan } from "../domain/schema/traffic.ts";
import { amount, atMs, base64, count, maybe, releaseNumber, tookMs } from "../domain/schema/values.ts";
import type { Snapshot as SnapshotOfVolume, VolumeState } from "../domain/volume.ts";
import { type ErrorCode, errorCodes } from "../lib/error-codes.ts";
import type { ErrorJson } from "../lib/errors.ts";
import { accessAnswers } from "./contract-access-schemas.ts";
import { webhookAnswers } from "./contract-webhook-schemas.ts";

/** What operations answer. */

const Recorded = z.object({ sequence: z.number().int().describe("Its place in the event log.") });

const ExecGrant = z.object({
  session: z.number().int(),
  argv: z.array(z.string()).describe("The command to run on the server's machine."),
  transcript: z.string().describe("The file on that machine that takes the transcript."),
  tainted: z.boolean().describe("Whether the session taints the server."),
});

const Accepted = z.object({
  service: z.string(),
  release: z.number().int(),
  rollout: maybe(z.number().int()).describe("Absent when nothing has to be rolled out."),
  scaled: maybe(z.object({ from: count, to: count })),
  adopted: z
    .array(z.string())
    .optional()
    .describe("The changed settings of rollout, drift and age. Absent: none."),
  admission: admission
    .optional()
    .describe("What policies said. Absent: there are none, or nothing has to be rolled out."),
});

const Checked = z.object({
  commit: maybe(z.string()).describe(
    "The git commit that the serving release was deployed from. Absent: not known.",
  ),
});

const ChangePlan = z.object({
  service: z.string(),
  target: z.string().describe("Where it is, or a new service would be."),
  serving: maybe(release),
  rollout: maybe(rollout).describe("The one that runs: the plan begins where it stands."),
  changes: z.array(z.string()),
  actions: z.array(action),
  peakServers: amount,
  fewestInTraffic: amount,
  admission: admission
    .optional()
    .describe("What policies say of the rollout and its image now. Absent: there are none."),
  data: z.array(z.string()).describe("What becomes of the data in volumes, one sentence each."),
  platform: z
    .array(z.string())
    .optional()
    .describe("What the platform would do for new releases, one sentence each. Absent: it says nothing."),
  manifests: z
    .array(z.unknown())
    .optional()
    .describe(
      "What was asked for with `manifests`: objects for the cluster, in the order in which they would be made, with values of secrets masked.",
    ),
  downtime: z.string(),
  digest: z
    .string()
    .describe(
      "`sha256:…` of what would be done, and of what it would be done to. `expect.plan` takes it: where another plan has become of it, nothing is done.",
    ),
});

const Trust = z.object({
  keys: z.array(trustedKey).describe("By name, revoked ones too."),
  policies: z.array(imagePolicy).describe("An image must meet all that hold for its target."),
});

const Candidates = z.array(
  z.object({
    id: z.number().int(),
    service: z.string(),
    image: z.string(),
    version: z.string(),
    commit: maybe(z.string()).describe("Absent: not known."),
    environments: z.array(z.string()).describe("Where it can climb to."),
    serves: z.array(z.string()).describe("Environments of its ladder where its image serves."),
    createdAtMs: atMs,
    createdBy: z.string(),
  }),
);

const Policies = z.object({
  file: maybe(policyFile).describe("Absent: none was set."),
  freezes: z.array(freeze).describe("Those that hold now."),
  overrides: z.array(override).describe("Rollouts that began against policies, the newest first."),
});

const PolicyTest = z.array(
  z.object({
    rollout: z.number().int(),
    service: z.string(),
    atMs,
    by: z.string(),
    refused: admission.shape.rules.describe(
      "The rules that would have refused it. Empty: it would have begun.",
    ),
  }),
);

const Frozen = freeze.extend({
  services: z.array(z.string()).describe("The services that there are now and that it concerns."),
});

const Revocation = z.object({
  digest: z.string(),
  atMs: atMs.describe("From this moment on; it may be yet to come."),
  reason: z.string(),
  by: z.string(),
});

const Channel = z.object({
  service: z.string(),
  name: z.string(),
  version: z.string(),
  digest: z.string(),
  setAtMs: atMs,
  setBy: z.string(),
});

const ChannelHistory = Channel.extend({
  revoked: Revocation.optional().describe("Of the image where it is, or of one that it is built on."),
  history: z.array(Channel).describe("The newest first."),
});

const warnings = z.array(z.object({ message: z.string(), hint: maybe(z.string()) }));
const trouble = z.object({ message: z.string(), hint: maybe(z.string()), sinceMs: atMs });

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

const DriftReports = z.array(finding.extend({ response: maybe(response) }));

const evidenceSummary = z.object({
  digest: z.string().describe("The archive's digest."),
  server: z.string(),
  release: releaseNumber,
  image: z.string(),
  taint: z.object({ kind: z.string(), subject: z.string(), detail: z.string(), atMs }),
  atMs,
  bytes: amount,
  left: z.array(z.string()).describe("Paths of writable places that did not fit into the archive."),
  missing: z
    .array(z.string())
    .optional()
    .describe("What could not be read, each with the reason. Absent: nothing."),
});

const EvidenceList = z.array(evidenceSummary);

const EvidenceReport = evidenceSummary.extend({
  who: finding.shape.who,
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
      own: z.boolean().describe("Whether the process is in the server's cgroup."),
    }),
  ),
  mounts: z.array(z.string()),
  transcripts: z.array(z.string()).optional().describe("Paths in the archive: what people did in it."),
  log: z.array(z.string()),
});

const JobStatus = z.object({
  service: z.string(),
  job: z.string(),
  schedule: maybe(
    z.object({
      times: z.string(),
      timeZone: z.string(),
      overlap: z.enum(["skip", "replace", "allow"]),
      deadlineMs: z.number(),
    }),
  ).describe("Absent: the serving release has no such job."),
  nextAtMs: maybe(atMs),
  failedInARow: amount.describe("How many of its newest runs have failed, one after the other."),
  runs: z
    .array(
      z.object({
        id: z.number().int(),
        job: z.string(),
        release: releaseNumber,
        command: z.array(z.string()),
        deadlineMs: z.number(),
        state: z.enum(["waiting", "running", "succeeded", "failed", "stopped"]),
        dueAtMs: maybe(atMs).describe(
          "The time of the schedule that it is for. Absent: someone has asked for it.",
        ),
        askedBy: maybe(z.string()),
        createdAtMs: atMs,
        startedAtMs: maybe(atMs),
        end: maybe(jobEnd),
        log: maybe(z.string()).describe("Its log is read by this id, like a server's."),
      }),
    )
    .describe("Oldest first."),
});

const JobStatusList = z.array(JobStatus);

const AcceptedRun = z.object({ run: z.number().int() });

const ArchivePiece = z.object({ data: base64 });

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

const Reproduced = z.object({
  id: z.string(),
  enter: z.string().describe("What runs a command in it, up to that command."),
});

const ServiceStatus = z.object({
  service: z.string(),
  target: z
    .object({ name: z.string(), platform: z.string(), trouble: maybe(trouble) })
    .describe("With `trouble`, it cannot be seen now: its servers are shown as they were last seen."),
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
  releases: z.array(z.object({ release: release, state: z.enum(["serving", "warm", "kept", "image gone"]) })),
  rollouts: z.array(PastRollout).describe("Newest first."),
});

const SecretSet = z.object({
  version: releaseNumber,
  changed: z.boolean(),
});

const SecretVersion = z.object({
  service: z.string(),
  name: z.string(),
  version: z.number().int().min(1),
  createdAtMs: atMs,
  createdBy: z.string(),
  releases: z.array(releaseNumber).describe("The kept releases whose servers get it."),
});

const Secrets = z.array(SecretVersion);

const imageName = { service: z.string(), version: z.string(), digest: z.string() };

const Images = z.array(
  z.object({
    ...imageName,
    contentDigest: z.string().describe("Of the layers alone."),
    bytes: amount.describe("Of all layers; equal layers are stored once."),
    createdAtMs: atMs,
    pinned: z.boolean().describe("It stays until it is unpinned."),
    usedBy: z.array(z.string()).describe("The kept releases, candidates and channels that name it."),
    revoked: Revocation.optional().describe("Of the image, or of one that it is built on."),
  }),
);

const Image = z.object({
  digest: z.string(),
  names: z.array(z.string()).describe("SERVICE:VERSION of each of its versions."),
  os: z.string(),
  architecture: z.string(),
  layers: z
    .array(z.object({ digest: z.string(), bytes: amount, name: maybe(z.string()) }))
    .describe("Bottom layer first."),
  user: maybe(z.string()),
  command: z.array(z.string()),
  env: z.array(z.string()),
  workingFolder: maybe(z.string()),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
  attached: z
    .array(z.object({ digest: z.string(), type: z.string() }))
    .describe("What refers to it as its subject, such as a signature."),
});

const Collected = z.object({
  images: z.array(z.object(imageName)).describe("The removed versions."),
  files: amount,
  bytes: amount,
});

const Snapshot = z.object({
  id: z.string(),
  atMs,
  reason: z
    .enum(["asked", "before-rollout", "before-restore"])
    .describe(
      "Someone asked for it, another release was about to get the volume, or its data was about to be replaced.",
    ),
  release: releaseNumber.optional().describe("The last release that had the volume by then."),
  dataVersion: releaseNumber.optional().describe("The format that this release had stated."),
  bytes: amount.describe("What it takes on the disk, less where blocks are shared."),
}) satisfies z.ZodType<SnapshotOfVolume>;

const Volumes = z.array(
  z.object({
    service: z.string(),
    name: z.string(),
    createdAtMs: atMs,
    sizeBytes: amount.optional().describe("Absent: no limit but the disk's."),
    usedBytes: amount.optional().describe("Absent: not known, because no server has it."),
    release: releaseNumber.optional().describe("The last release that had it."),
    dataVersion: releaseNumber.optional().describe("The highest format that a release with it has stated."),
    servers: z.array(z.string()).describe("Servers that have it now."),
    snapshots: z.array(Snapshot),
  }) satisfies z.ZodType<VolumeState>,
);

const Upload = z.object({ upload: z.string() });

const Traffic = z
  .array(trafficSpan)
  .describe("One row for each minute, or each hour for times more than two days ago; oldest first.");

const figure = z.object({
  name: z.string(),
  title: z.string(),
  unit: z.enum(["ms", "share", "per week", "count"]),
  value: maybe(z.number()).describe("Absent: it would come from fewer than five, or nothing is known."),
  n: amount.describe("Of how many it is made."),
  of: z.string().describe("What `n` counts."),
  more: z.record(z.string(), z.number()).describe("Other values in the same unit, by name."),
  notes: z.array(z.string()).describe("What has to be known about it, such as what could not be counted."),
  guessed: z.boolean(),
  definition: z.string(),
  events: z.array(amount).describe("Sequence numbers of the newest 1,000 events it comes from."),
});

const Figures = z.array(
  z.object({ service: z.string(), sinceMs: atMs, untilMs: atMs, figures: z.array(figure) }),
);

const KilnEvent = z.object({
  sequence: z.number().int().min(1),
  atMs,
  service: maybe(z.string()),
  kind: z.string(),
  message: z.string(),
  data: z.record(z.string(), z.unknown()),
});

const checkpoint = z.object({
  sequence: amount.describe("The last entry that the checkpoint covers."),
  digest: z.string(),
  atMs,
  keyId: z.string(),
  signature: base64.describe("Ed25519, over the canonical JSON (RFC 8785) of the members above."),
});

const ExportedCheckpoint = checkpoint.extend({
  publicKey: z.string().describe("PEM."),
});

const AuditKey = z.object({
  keyId: z.string(),
  publicKey: z.string().describe("PEM."),
});

const AuditStatus = z.object({
  entries: amount,
  checkpoint: maybe(checkpoint).describe("The last signed checkpoint."),
  key: maybe(AuditKey),
  troubles: z.array(trouble),
});

const LogLine = z.object({
  atMs,
  stream: z.enum(["stdout", "stderr"]),
  text: z.string(),
});

const code = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]);

const gap = z.object({
  what: z.string(),
  remedy: z.string(),
  severity: z.enum(["fatal", "degraded"]),
  code: code
    .optional()
    .describe("Of the error with which a deploy fails because of it. Absent: `platform_unusable`."),
});

const integrityTier = z.object({
  name: z.string().describe("The platform's word for it: `kernel`, `scan` or `none` on this machine."),
  facts: z.array(
    z.object({
      what: z.string(),
      speed: z.enum(["prevented", "milliseconds", "seconds", "minutes", "unseen"]),
      how: z.string(),
    }),
  ),
});

const readiness = z.object({
  usable: z.boolean(),
  gaps: z.array(gap),
  facts: z.array(z.string()),
  integrity: integrityTier.optional().describe("Absent where servers are not inspected."),
});

const TargetStatus = z.object({
  name: z.string(),
  platform: z.string(),
  options: targetOptions,
  added: maybe(z.object({ atMs, by: z.string() })).describe("Absent for `local`, which is always there."),
  services: z.array(z.string()).describe("The services on it."),
  servers: maybe(amount).describe("As they were last seen; absent when that has never been possible."),
  trouble: maybe(trouble).describe("Why it cannot be seen now. The controller tries again by itself."),
  warnings: warnings.describe(
    "What is wrong with it beyond single services, such as what it could not remove.",
  ),
});

const ProbedTarget = TargetStatus.extend({ readiness });

const ControllerStatus = z.object({
  pid: z.number().int(),
  version: z.string(),
  home: z.string(),
  startedAtMs: atMs,
  services: amount,
  servers: amount,
});

const place = z.object({
  file: z.string(),
  line: z.number().exactOptional(),
  column: z.number().exactOptional(),
});

export const ErrorAnswer = z.object({
  code,
  message: z.string(),
  hint: z.string().exactOptional().describe("What can be done about it."),
  retry: z.boolean().describe("The same call may succeed later."),
  problems: z
    .array(z.object({ place: place.exactOptional(), message: z.string(), hint: z.string().exactOptional() }))
    .exactOptional(),
}) satisfies z.ZodType<ErrorJson>;

/** Every answer by the name that the table and OpenAPI have for it. */
export const answers = {
  ...accessAnswers,
  ...webhookAnswers,
  Accepted,
  AcceptedRun,
  Approval: approval,
  ArchivePiece,
  AuditKey,
  AuditStatus,
  Candidates,
  ChangePlan,
  Checked,
  Checkpoint: ExportedCheckpoint,
  ControllerStatus,
  Diff,
  DriftReports,
  EvidenceList,
  EvidenceReport,
  ExecGrant,
  Figures,
  FreezeList: z.array(freeze),
  Frozen,
  History,
  Images,
  Image,
  JobStatusList,
  Collected,
  KilnEvent,
  LogLine,
  Override: override,
  Policies,
  PolicyFile: policyFile,
  Overview,
  PolicyTest,
  Recorded,
  Reproduced,
  Rollout: rollout,
  SecretSet,
  Secrets,
  Channel,
  Channels: z.array(Channel),
  ChannelHistory,
  Revocation,
  Revocations: z.array(Revocation),
  ServiceStatus,
  ServiceStatusList,
  Snapshot,
  TargetStatus: ProbedTarget,
  TargetStatusList: z.array(TargetStatus),
  Trust,
  TrustedKey: trustedKey,
  Traffic,
  Upload,
  Volumes,
};
