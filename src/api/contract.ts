import { accessTable } from "./contract-access.ts";
import type { ContractEntry } from "./contract-entry.ts";
import { webhookTable } from "./contract-webhooks.ts";

export type { ContractEntry };

/**
 * Everything that can be asked of a controller. Routes, OpenAPI and client follow from this table, the type `Operations`
 * too: another operation is another line here, and its implementation. It names schemas and does not load them, so
 * that a client starts fast.
 */
export const table = {
  ...accessTable,
  ...webhookTable,
  info: {
    method: "GET",
    path: "/v1/controller",
    needs: "self",
    summary: "The controller itself.",
    asks: "Nothing",
    answers: "ControllerStatus",
  },
  shutdown: {
    method: "POST",
    path: "/v1/controller/shutdown",
    needs: "local",
    summary: "Stops the controller; servers and router keep running.",
    asks: "Because",
  },
  /** `local` first. A target that does not answer costs some seconds, once. */
  targets: {
    method: "GET",
    path: "/v1/targets",
    needs: "view installation",
    summary: "Every target with what is on it.",
    asks: "Nothing",
    answers: "TargetStatusList",
  },
  /** Throws `target_unknown`. */
  target: {
    method: "GET",
    path: "/v1/targets/:target",
    needs: "view installation",
    summary: "One target, and what it lacks.",
    asks: "Target",
    answers: "TargetStatus",
  },
  /** Contacts nothing. Throws `target_invalid`, `target_taken`. */
  addTarget: {
    method: "POST",
    path: "/v1/targets/:target",
    needs: "local",
    summary: "Adds a target; services can be deployed to it from then on.",
    asks: "AddTarget",
  },
  /** Throws `target_unknown`, `target_in_use`. */
  removeTarget: {
    method: "POST",
    path: "/v1/targets/:target/remove",
    needs: "local",
    summary: "Removes a target that has no services.",
    asks: "RemoveTarget",
  },
  trust: {
    method: "GET",
    path: "/v1/trust",
    needs: "view installation",
    summary: "Keys whose signatures of images count, and the policies that ask for them.",
    asks: "Nothing",
    answers: "Trust",
  },
  /** Throws `signing_key_invalid`, `trusted_key_taken`. */
  trustKey: {
    method: "POST",
    path: "/v1/trust/keys/:name",
    needs: "administer installation",
    summary: "Adds a key; its signatures count where a policy names it.",
    asks: "AddKey",
    answers: "TrustedKey",
  },
  /** Repeating it is fine. Throws `trusted_key_unknown`. */
  revokeKey: {
    method: "POST",
    path: "/v1/trust/keys/:name/revoke",
    needs: "administer installation",
    summary: "Revokes a key for good: its signatures no longer count, whenever they were made.",
    asks: "RevokeKey",
  },
  /** Throws `trusted_key_unknown`, `target_unknown`. */
  requireSigned: {
    method: "POST",
    path: "/v1/trust/require",
    needs: "administer installation",
    summary: "Sets the image policy of a target, or of all: from the next deploy or rollback on.",
    asks: "RequireSigned",
  },
  liftPolicy: {
    method: "POST",
    path: "/v1/trust/lift",
    needs: "administer installation",
    summary: "Removes the image policy of a target, or the one of all.",
    asks: "LiftPolicy",
  },
  policies: {
    method: "GET",
    path: "/v1/policy",
    needs: "self",
    summary: "What must hold before a rollout begins, and the rollouts that began against it.",
    asks: "Nothing",
    answers: "Policies",
  },
  /** Throws `spec_invalid`, with each problem and its place. */
  setPolicy: {
    method: "POST",
    path: "/v1/policy",
    needs: "administer installation",
    summary: "Sets the policy file, in place of the one before: for rollouts that begin from then on.",
    asks: "SetPolicy",
    answers: "PolicyFile",
  },
  removePolicy: {
    method: "POST",
    path: "/v1/policy/remove",
    needs: "administer installation",
    summary: "Removes the policy file.",
    asks: "Because",
  },
  freeze: {
    method: "POST",
    path: "/v1/policy/freezes",
    needs: "operate installation",
    summary:
      "Lets no rollout of a deploy begin in an environment, of a service, or anywhere. Rollbacks and replacements continue.",
    asks: "Freeze",
    answers: "Frozen",
  },
  unfreeze: {
    method: "POST",
    path: "/v1/policy/freezes/lift",
    needs: "operate installation",
    summary: "Lifts freezes; answers with those that were lifted.",
    asks: "Unfreeze",
    answers: "FreezeList",
  },
  approve: {
    method: "POST",
    path: "/v1/policy/approvals",
    needs: "approve service",
    summary: "Says yes to exactly the plan with this digest, for policies that ask for approvals.",
    asks: "Approve",
    answers: "Approval",
  },
  /** Throws `spec_invalid`. */
  testPolicy: {
    method: "POST",
    path: "/v1/policy/test",
    needs: "view installation",
    summary: "What a policy file would have said of each recorded deploy; changes nothing.",
    asks: "TestPolicy",
    answers: "PolicyTest",
  },
  /** Throws `override_unknown`, `review_refused`. */
  review: {
    method: "POST",
    path: "/v1/policy/reviews/:rollout",
    needs: "approve rollout",
    summary: "Records that another person has looked at a rollout that began against policies.",
    asks: "Review",
    answers: "Override",
  },
  revocations: {
    method: "GET",
    path: "/v1/revocations",
    needs: "view installation",
    summary: "Revoked images.",
    asks: "Nothing",
    answers: "Revocations",
  },
  /** In place of an earlier one of the same image. Throws `usage` when that one holds and this one is yet to come. */
  revokeImage: {
    method: "POST",
    path: "/v1/revocations/:digest",
    needs: "operate installation",
    summary: "Revokes an image: no server is started from it, nor from what was built on it.",
    asks: "RevokeImage",
    answers: "Revocation",
  },
  /** Throws `image_unknown` when it is not revoked. */
  unrevokeImage: {
    method: "POST",
    path: "/v1/revocations/:digest/lift",
    needs: "operate installation",
    summary: "Allows servers of an image again.",
    asks: "UnrevokeImage",
  },
  channels: {
    method: "GET",
    path: "/v1/channels",
    needs: "view installation",
    summary: "Where each channel is.",
    asks: "Nothing",
    answers: "Channels",
  },
  /** Throws `channel_unknown`. */
  channel: {
    method: "GET",
    path: "/v1/channels/:service/:name",
    needs: "view repository",
    summary: "Where a channel is, and where it has been.",
    asks: "ChannelName",
    answers: "ChannelHistory",
  },
  /** Setting it to where it is changes nothing. Throws `image_unknown`, `image_revoked`. */
  setChannel: {
    method: "POST",
    path: "/v1/channels/:service/:name",
    needs: "operate repository",
    summary: "Moves a channel to a version, or makes it.",
    asks: "SetChannel",
    answers: "Channel",
  },
  /** Throws `channel_unknown`. */
  removeChannel: {
    method: "POST",
    path: "/v1/channels/:service/:name/remove",
    needs: "operate repository",
    summary: "Removes a channel, with where it has been; versions and what was built on it stay.",
    asks: "RemoveChannel",
  },
  services: {
    method: "GET",
    path: "/v1/services",
    needs: "view services",
    summary: "Every service with its servers.",
    asks: "Nothing",
    answers: "ServiceStatusList",
  },
  /** Throws `usage` for a cursor that no page gave. */
  overview: {
    method: "GET",
    path: "/v1/overview",
    needs: "view installation",
    summary: "One page of all services in brief, those that need someone first.",
    asks: "Overview",
    answers: "Overview",
  },
  /** Throws `service_unknown`. */
  status: {
    method: "GET",
    path: "/v1/services/:service",
    needs: "view service",
    summary: "One service with its servers.",
    asks: "Service",
    answers: "ServiceStatus",
  },
  history: {
    method: "GET",
    path: "/v1/services/:service/history",
    needs: "view service",
    summary: "Releases and rollouts.",
    asks: "Service",
    answers: "History",
  },
  /** Names alone of environment variables, secrets and files: values may be confidential. Throws `service_unknown`, `release_unknown`. */
  diff: {
    method: "GET",
    path: "/v1/services/:service/diff",
    needs: "view service",
    summary: "What one kept release changes against another.",
    asks: "Diff",
    answers: "Diff",
  },
  /** Whether a deploy can begin, before its image takes minutes to build; `deploy` checks again. Throws `target_unreachable`, `platform_unusable` or what else its target lacks (`not_root`), and what `deploy` throws, except for the image's errors, and `rollout_running` unless the running rollout leads to the same draft apart from the image. */
  check: {
    method: "POST",
    path: "/v1/services/:service/check",
    needs: "deploy service",
    summary: "Refuses what a deploy would refuse, before there is an image; changes nothing.",
    asks: "Check",
    answers: "Checked",
  },
  /** Servers get the newest version of each secret. Throws `rollout_running`, `image_unknown`, `image_refused`, `policy_refused`, `target_unknown`, `target_fixed`, `port_taken`, `traffic_conflict`, `version_taken`, `jobs_unsupported`, `network_unsupported`, `secret_missing`, `secret_invalid`, `secret_key_invalid`, `secret_corrupt`. */
  deploy: {
    method: "POST",
    path: "/v1/services/:service/deploy",
    needs: "deploy service",
    summary: "Makes a release from the draft, unless an equal one serves, and starts its rollout.",
    asks: "Deploy",
    answers: "Accepted",
  },
  /** Throws what `deploy` throws, and `candidate_unknown`. */
  promotion: {
    method: "POST",
    path: "/v1/services/:service/promotion",
    needs: "deploy service",
    summary: "Deploys a candidate's image to an environment further up its ladder, as recorded for it.",
    asks: "Promotion",
    answers: "Accepted",
  },
  candidates: {
    method: "GET",
    path: "/v1/candidates",
    needs: "view repositories",
    summary: "Candidates, the newest first, and where they serve.",
    asks: "OfService",
    answers: "Candidates",
  },
  /** Throws what that change would throw, except `expectation_failed`. */
  plan: {
    method: "POST",
    path: "/v1/services/:service/plan",
    needs: "steer service",
    summary: "What a change of the service would do now; changes nothing.",
    asks: "Plan",
    answers: "ChangePlan",
  },
  /** Throws `service_unknown`, `release_unknown`, `rollback_impossible`, `image_refused`, `rollout_running`. */
  rollback: {
    method: "POST",
    path: "/v1/services/:service/rollback",
    needs: "steer service",
    summary: "Starts a rollout back to a kept release.",
    asks: "Rollback",
    answers: "Accepted",
  },
  scale: {
    method: "POST",
    path: "/v1/services/:service/scale",
    needs: "steer service",
    summary: "Changes the number of servers of the same release.",
    asks: "Scale",
    answers: "Accepted",
  },
  /** Throws `rollout_none`. */
  abort: {
    method: "POST",
    path: "/v1/services/:service/abort",
    needs: "steer service",
    summary: "Rolls the running rollout back.",
    asks: "ChangeService",
    answers: "Rollout",
  },
  /** Everything stays as it is until resumed. Throws `rollout_none`. */
  pause: {
    method: "POST",
    path: "/v1/services/:service/pause",
    needs: "steer service",
    summary: "Pauses the running rollout.",
    asks: "ChangeService",
    answers: "Rollout",
  },
  /** Failures so far are forgiven. Throws `rollout_none`. */
  resume: {
    method: "POST",
    path: "/v1/services/:service/resume",
    needs: "steer service",
    summary: "Continues a paused rollout.",
    asks: "ChangeService",
    answers: "Rollout",
  },
  /** The step waits no longer, neither for its hold nor for a person. Throws `rollout_none`. */
  promote: {
    method: "POST",
    path: "/v1/services/:service/promote",
    needs: "steer service",
    summary: "Skips the rest of this step's hold, or approves a manual promotion.",
    asks: "ChangeService",
    answers: "Rollout",
  },
  /** Resolves when it is recorded. */
  remove: {
    method: "POST",
    path: "/v1/services/:service/remove",
    needs: "operate service",
    summary: "Removes the service. The removal is complete when its status is 404.",
    asks: "ChangeService",
  },
  /** By service and name, the oldest version first. */
  secrets: {
    method: "GET",
    path: "/v1/secrets",
    needs: "view services",
    summary: "Secrets with their versions; never a value.",
    asks: "OfService",
    answers: "Secrets",
  },
  /** Changes no server. Throws `secret_invalid`, `secret_key_invalid`. */
  setSecret: {
    method: "POST",
    path: "/v1/services/:service/secrets/:name",
    needs: "operate service",
    summary: "Stores a new version of a secret, for the next deploy.",
    asks: "SetSecret",
    answers: "SecretSet",
  },
  /** With all its versions. Throws `secret_unknown`, `secret_in_use`. */
  removeSecret: {
    method: "POST",
    path: "/v1/services/:service/secrets/:name/remove",
    needs: "operate service",
    summary: "Removes a secret that no kept release uses.",
    asks: "RemoveSecret",
  },
  /** By service and name, also of services that are gone. */
  volumes: {
    method: "GET",
    path: "/v1/volumes",
    needs: "view services",
    summary: "Volumes with their snapshots.",
    asks: "OfService",
    answers: "Volumes",
  },
  /** Throws `volume_unknown`, `disk_full`. */
  snapshotVolume: {
    method: "POST",
    path: "/v1/services/:service/volumes/:name/snapshot",
    needs: "operate service",
    summary: "Keeps what the volume has in it now; its servers stand still meanwhile.",
    asks: "OneVolume",
    answers: "Snapshot",
  },
  /** All or nothing; what was there is a snapshot afterwards. Throws `volume_unknown`, `snapshot_unknown`, `volume_in_use`, `disk_full`. */
  restoreVolume: {
    method: "POST",
    path: "/v1/services/:service/volumes/:name/restore",
    needs: "operate service",
    summary: "Puts a snapshot in place of the data of a volume that no server has.",
    asks: "RestoreVolume",
  },
  /** Throws `volume_unknown`, `snapshot_unknown`. */
  exportVolume: {
    method: "GET",
    path: "/v1/services/:service/volumes/:name/archive",
    needs: "operate service",
    summary: "The data of a volume or of a snapshot, of one moment, as a tar archive in pieces.",
    asks: "ExportVolume",
    items: "ArchivePiece",
  },
  /** The first piece begins an upload, whose id the others name; with the last one the data is replaced, all or nothing. Throws `volume_unknown`, `volume_in_use`, `disk_full`, `usage`. */
  importVolume: {
    method: "POST",
    path: "/v1/services/:service/volumes/:name/import",
    needs: "operate service",
    summary: "Puts the content of a tar archive in place of the data of a volume that no server has.",
    asks: "ImportVolume",
    answers: "Upload",
  },
  /** Throws `volume_unknown`, `snapshot_unknown`, `volume_in_use`. */
  removeVolume: {
    method: "POST",
    path: "/v1/services/:service/volumes/:name/remove",
    needs: "operate service",
    summary: "Removes a volume that no server has, with its snapshots, or one snapshot.",
    asks: "RemoveVolume",
  },
  /** Throws `rollout_unknown`. */
  rollout: {
    method: "GET",
    path: "/v1/rollouts/:id",
    needs: "view rollout",
    summary: "One rollout.",
    asks: "OneRollout",
    answers: "Rollout",
  },
  /** Also of a service that was removed: its figures are kept. */
  traffic: {
    method: "GET",
    path: "/v1/services/:service/traffic",
    needs: "view service",
    summary: "What each release answered and how many of its servers were ready, by minute or hour.",
    asks: "Traffic",
    answers: "Traffic",
  },
  /** Throws `service_unknown` for one that has never been. */
  figures: {
    method: "GET",
    path: "/v1/figures",
    needs: "view services",
    summary:
      "How services are delivered and run: DORA's five figures, uptime, drift, ages; each with the events it comes from.",
    asks: "Figures",
    answers: "Figures",
  },
  /** In the order in which they were made. Their content is exchanged by OCI distribution, below `/v2/`. */
  images: {
    method: "GET",
    path: "/v1/images",
    needs: "view repositories",
    summary: "The versions of images, and the kept releases that use them.",
    asks: "OfService",
    answers: "Images",
  },
  /** Throws `image_unknown`, `image_invalid`. */
  image: {
    method: "GET",
    path: "/v1/images/:digest",
    needs: "view image",
    summary: "What one image has: layers, configuration, and what refers to it.",
    asks: "Image",
    answers: "Image",
  },
  /** The version stays taken. Throws `image_unknown`, `image_in_use`. */
  removeImage: {
    method: "POST",
    path: "/v1/images/:service/:version/remove",
    needs: "operate repository",
    summary: "Removes a version that no kept release uses and that is not pinned.",
    asks: "ChangeImage",
  },
  /** Throws `image_unknown`. */
  pinImage: {
    method: "POST",
    path: "/v1/images/:service/:version/pin",
    needs: "operate repository",
    summary: "Keeps a version, whatever uses it.",
    asks: "ChangeImage",
  },
  /** Throws `image_unknown`. */
  unpinImage: {
    method: "POST",
    path: "/v1/images/:service/:version/unpin",
    needs: "operate repository",
    summary: "Takes the pin from a version.",
    asks: "ChangeImage",
  },
  /** Not what is younger than 10 minutes: it may belong to a running build. */
  collectImages: {
    method: "POST",
    path: "/v1/images/collect",
    needs: "operate installation",
    summary: "Removes images and cached data that nothing uses.",
    asks: "Because",
    answers: "Collected",
  },
  /** With `follow` it continues with events as they happen, until the signal fires. */
  events: {
    method: "GET",
    path: "/v1/events",
    needs: "view services",
    summary: "The event log, oldest first. Each id is the event's sequence number.",
    asks: "Events",
    items: "KilnEvent",
  },
  audit: {
    method: "GET",
    path: "/v1/audit",
    needs: "self",
    summary: "The state of the event log, without replaying it.",
    asks: "Nothing",
    answers: "AuditStatus",
  },
  /** Throws `audit_key_invalid`. */
  checkpoint: {
    method: "POST",
    path: "/v1/audit/checkpoint",
    needs: "administer installation",
    summary: "Signs a checkpoint of the event log as it is now.",
    asks: "Nothing",
    answers: "Checkpoint",
  },
  /** From then on Kiln no longer warns of these breaks. Throws `audit_key_invalid`. */
  acceptBreaks: {
    method: "POST",
    path: "/v1/audit/accept",
    needs: "administer installation",
    summary: "Records that the problems of the event log are known, and why.",
    asks: "AcceptBreaks",
    answers: "Recorded",
  },
  rotateAuditKey: {
    method: "POST",
    path: "/v1/audit/rotate",
    needs: "administer installation",
    summary: "Makes a new key, which signs checkpoints from now on.",
    asks: "Because",
    answers: "AuditKey",
  },
  /** By server and time. Throws `server_unknown`: an unknown name must not look like a server without drift. */
  drift: {
    method: "GET",
    path: "/v1/drift",
    needs: "view services",
    summary: "Every difference between a server and its release.",
    asks: "Drift",
    answers: "DriftReports",
  },
  /** Newest first. */
  evidence: {
    method: "GET",
    path: "/v1/evidence",
    needs: "view installation",
    summary: "The evidence of servers in quarantine.",
    asks: "Nothing",
    answers: "EvidenceList",
  },
  /** Throws `evidence_unknown`. */
  evidenceOf: {
    method: "GET",
    path: "/v1/evidence/:server",
    needs: "operate server",
    summary: "The evidence of one server: processes, mounts, last lines.",
    asks: "Server",
    answers: "EvidenceReport",
  },
  /** Throws `evidence_unknown`. */
  exportEvidence: {
    method: "GET",
    path: "/v1/evidence/:server/archive",
    needs: "operate server",
    summary: "The whole evidence of one server, as a tar archive in pieces.",
    asks: "Server",
    items: "ArchivePiece",
  },
  /** Or a reproduction. Throws `server_unknown`, `server_in_use`. */
  destroyServer: {
    method: "POST",
    path: "/v1/servers/:server/destroy",
    needs: "operate server",
    summary: "Destroys a server that is kept in quarantine.",
    asks: "ChangeServer",
  },
  /** Throws `service_unknown`. */
  jobs: {
    method: "GET",
    path: "/v1/jobs",
    needs: "view services",
    summary: "Scheduled jobs, and runs of jobs and commands outside of rollouts.",
    asks: "OfService",
    answers: "JobStatusList",
  },
  /** Resolves when it is recorded. Throws `service_unknown`, `job_unknown`, `jobs_unsupported`, `release_unknown`. */
  runJob: {
    method: "POST",
    path: "/v1/services/:service/run",
    needs: "operate service",
    summary: "Runs a scheduled job now, or a command, in a server of the release that serves.",
    asks: "RunJob",
    answers: "AcceptedRun",
  },
  /** Resolves when the copy is being started; a server has one copy at most, and an existing copy is left as it is. Throws `server_unknown`, `platform_unusable`. */
  reproduce: {
    method: "POST",
    path: "/v1/servers/:server/reproduce",
    needs: "operate server",
    summary: "Starts a copy of this server, in no group and without traffic.",
    asks: "ChangeServer",
    answers: "Reproduced",
  },
  /** The server is taken out of traffic and replaced, but neither frozen nor destroyed before the session is over. A reproduction is only entered. Throws `server_unknown`, `exec_refused`, `command_missing`, `usage`. */
  exec: {
    method: "POST",
    path: "/v1/servers/:server/exec",
    needs: "local",
    summary: "Taints a server and opens a session in it; answers with the command to run on its machine.",
    asks: "Exec",
    answers: "ExecGrant",
  },
  /** A session that is already over is not an error. */
  endExec: {
    method: "POST",
    path: "/v1/sessions/:session/end",
    needs: "local",
    summary: "Ends a session in a server.",
    asks: "EndExec",
  },
  logs: {
    method: "GET",
    path: "/v1/servers/:server/logs",
    needs: "view server",
    summary: "What a server or job wrote, oldest first.",
    asks: "Logs",
    items: "LogLine",
  },
} as const satisfies Record<string, ContractEntry>;

/** The path of the OpenAPI 3.1 description of all this. */
export const openApiPath = "/v1/openapi.json";

/** The header in which a client states who runs it, `user@machine`. It is recorded as stated, and proves nothing. */
export const statedHeader = "kiln-stated-by";

/** Names of the server-sent events of a stream (WHATWG HTML, section 9.2); its items have the default name, `message`. */
export const streamEvents = {
  /** An ErrorJson, the last event of its stream. */
  fault: "fault",
  /** The end: a stream that closes without this event was cut off. */
  end: "end",
  /** The stream is alive: a StreamBeat, soon after its beginning and then each 10 s. */
  beat: "beat",
} as const;

/** The data of a beat. */
export interface StreamBeat {
  /** By the clock of the controller's machine, Unix time in ms. */
  readonly atMs: number;
}

/** The fields of the argument that are parts of the path. */
export function pathFields({ path }: ContractEntry): readonly string[] {
  return [...path.matchAll(/:([a-z]+)/g)].map(([, name = ""]) => name);
}

/** The request for this operation, without undefined fields. */
export function requestOf(
  entry: ContractEntry,
  asked: Readonly<Record<string, unknown>> = {},
): { readonly path: string; readonly body: string | undefined } {
  const inPath = pathFields(entry);
  const path = entry.path.replaceAll(/:([a-z]+)/g, (_, name: string) =>
    encodeURIComponent(String(asked[name])),
  );
  const rest = Object.entries(asked).filter(([name, value]) => value !== undefined && !inPath.includes(name));
  if (entry.method === "POST") return { path, body: JSON.stringify(Object.fromEntries(rest)) };
  const query = new URLSearchParams();
  for (const [name, value] of rest) query.set(name, String(value));
  return { path: query.size === 0 ? path : `${path}?${query}`, body: undefined };
}
