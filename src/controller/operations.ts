import type { Checkpoint, ExportedCheckpoint } from "../audit/checkpoint.ts";
import type { Plan } from "../domain/actions.ts";
import type { Finding } from "../domain/drift.ts";
import type { KilnEvent } from "../domain/event.ts";
import type { ImageDigest, ReproductionId, ServerId, ServiceKey } from "../domain/ids.ts";
import type {
  JobObservation,
  ReproductionObservation,
  ServerFailure,
  ServerObservation,
  ServiceWarning,
} from "../domain/observation.ts";
import type { Release, UnbuiltRelease, WantedRelease } from "../domain/release.ts";
import type { Origin, Rollout, WarmRelease } from "../domain/rollout.ts";
import type { RolloutPolicy, UpkeepPolicy } from "../domain/spec.ts";
import type { TaintedServer } from "../domain/taint.ts";
import type { EvidenceReport, EvidenceSummary } from "../drift/evidence.ts";
import type { LogLine, LogReader, Readiness } from "../platform/platform.ts";
import type { SecretVersion } from "../store/secrets.ts";

export type { EvidenceReport, EvidenceSummary, SecretVersion };

/** What `kiln deploy` asks for. The image is already in the image store. */
export interface DeployRequest {
  readonly service: ServiceKey;
  readonly count: number;
  readonly draft: WantedRelease;
  readonly policy: RolloutPolicy;
  /** Absent: as it is. */
  readonly upkeep?: UpkeepPolicy | undefined;
  /** `user@machine`, for history. */
  readonly by: string;
  readonly origin?: Origin | undefined;
  /** End a running rollout in favour of this one instead of being refused. */
  readonly supersede?: boolean | undefined;
}

/** The same before the image is built: what is known of it by then. */
export interface CheckRequest extends Pick<DeployRequest, "service" | "supersede"> {
  readonly draft: UnbuiltRelease;
}

/** What a request led to. `rollout` is undefined when nothing had to be rolled out (same release, or only scaled). */
export interface Accepted {
  readonly service: ServiceKey;
  readonly release: number;
  readonly rollout: number | undefined;
  readonly scaled: { readonly from: number; readonly to: number } | undefined;
  /** What changes of how the service is rolled out and looked after: no release is made for it. One sentence each; absent: nothing. */
  readonly adopted?: readonly string[];
}

/** `kiln plan`: what deploy would do now, without doing it. */
export interface PlanPreview {
  readonly service: ServiceKey;
  /** The release that serves now. */
  readonly serving: Release | undefined;
  /** What would change against it: one sentence each. Empty when nothing would. */
  readonly changes: readonly string[];
  /** Every action in the order it would come, as though all servers became ready at once. */
  readonly actions: Plan["actions"];
  /** The most servers that exist at one time, and the fewest ready ones with traffic. */
  readonly peakServers: number;
  readonly fewestInTraffic: number;
  /** One sentence: `none`, or between which moments nothing answers. */
  readonly downtime: string;
}

export interface ServiceStatus {
  readonly service: ServiceKey;
  readonly count: number;
  readonly serving: Release | undefined;
  readonly rollout: Rollout | undefined;
  /** What the preview port reaches now. */
  readonly preview: { readonly release: number; readonly address: string } | undefined;
  readonly warm: readonly WarmRelease[];
  readonly removing: boolean;
  readonly servers: readonly ServerStatus[];
  /** Running ones, and those whose logs are kept. */
  readonly jobs: readonly JobStatus[];
  readonly reproductions: readonly ReproductionStatus[];
  readonly failures: readonly ServerFailure[];
  /** What keeps the controller from going on; it tries again by itself. Undefined while all goes well. */
  readonly trouble: Trouble | undefined;
  /** What goes on serving for now but will not always: a certificate that was not renewed. */
  readonly warnings: readonly Omit<ServiceWarning, "service">[];
}

/** Why the last pass over a service failed. */
export interface Trouble {
  readonly message: string;
  /** What the user can do about it. */
  readonly hint: string | undefined;
  /** When it was first met (Unix time in ms). */
  readonly sinceMs: number;
}

export interface ServerStatus extends ServerObservation {
  readonly service: ServiceKey;
  readonly release: number;
  readonly version: string;
  /** Absent while it is what it was made as. */
  readonly taint?: ServerTaint | undefined;
}

export interface ServerTaint extends Omit<TaintedServer, "server"> {
  /** The server that takes its place. */
  readonly replacedBy: ServerId | undefined;
}

/** A difference between a server and its release. */
export interface DriftReport extends Finding {
  readonly service: ServiceKey;
  /** What is done about the server; undefined when nothing is: the policy ignores it, or it may pass (`full`). */
  readonly response: TaintedServer["response"] | undefined;
}

/** A piece of an archive. */
export interface ArchivePiece {
  /** As base64 (RFC 4648 section 4). */
  readonly data: string;
}

/** A server like another one, to look into. */
export interface ReproductionStatus extends ReproductionObservation {
  readonly version: string;
}

export type JobStatus = Pick<JobObservation, "id" | "release" | "rollout" | "name" | "state">;

export interface ReleaseSummary {
  readonly release: Release;
  /** What a rollback to it would find: still running, to be made anew from its image, or nothing. */
  readonly state: "serving" | "warm" | "kept" | "image gone";
}

export interface History {
  readonly releases: readonly ReleaseSummary[];
  /** Newest first. */
  readonly rollouts: readonly PastRollout[];
}

/** A rollout with how long each part of it took; a part that did not come about is absent. */
export interface PastRollout extends Rollout {
  readonly phases: Phases;
}

/** Durations in ms. */
export interface Phases {
  /** From the start, or the end of the last `before` job, until traffic moved for the first time. */
  readonly raisingMs?: number | undefined;
  /** From there until it moved for the last time. */
  readonly movingMs?: number | undefined;
  /** From there to the end. */
  readonly holdingMs?: number | undefined;
  /** From the turn to the end. */
  readonly backMs?: number | undefined;
}

export interface ControllerStatus {
  readonly pid: number;
  readonly version: string;
  readonly home: string;
  readonly startedAtMs: number;
  readonly services: number;
  readonly servers: number;
  readonly readiness: Readiness;
}

export interface SecretSet {
  readonly version: number;
  /** False when it was the newest version's value already. */
  readonly changed: boolean;
}

/** What can be said of the event log without replaying it. */
export interface AuditStatus {
  /** How many entries it has. */
  readonly entries: number;
  /** The last that was signed. */
  readonly checkpoint: Checkpoint | undefined;
  /** The key that signs now; undefined as long as there is none. */
  readonly key: AuditKey | undefined;
  /** That somebody else has changed it, or that it cannot be signed. */
  readonly troubles: readonly Trouble[];
}

/** Somebody has looked into what is wrong with the log, and says why it is so. */
export interface AcceptRequest {
  /** Ids of what a replay has found. */
  readonly breaks: readonly string[];
  /** Where the first of them is; absent when another program has only written to the database. */
  readonly first?: number | undefined;
  /** The last entry that was replayed. */
  readonly upTo: number;
  readonly reason: string;
  /** `user@machine`. */
  readonly by: string;
}

/** The public half of a key that signs checkpoints. */
export interface AuditKey {
  /** Sixteen hex digits. */
  readonly keyId: string;
  /** PEM. */
  readonly publicKey: string;
}

/** Somebody wants to run a command in a server. */
export interface ExecRequest {
  readonly server: ServerId;
  readonly command: readonly string[];
  /** Why, for the log. */
  readonly reason: string;
  /** Whether the command gets a terminal; otherwise three pipes. */
  readonly terminal: boolean;
  /** The process that runs it and ends with the session, on this machine. */
  readonly pid: number;
  /** `user@machine`. */
  readonly by: string;
}

/** What whoever asked has to run now. */
export interface ExecGrant {
  readonly session: number;
  readonly argv: readonly string[];
  /** A file that takes the transcript. */
  readonly transcript: string;
}

/** Everything that can be asked of a controller; the API's routes translate to it and nothing else. */
export interface Operations {
  /**
   * Whether a deploy can begin, before minutes go into its image; `deploy` looks again. Throws what `deploy` throws, but
   * for the image, and `rollout_running` unless that leads to the same but for the image.
   */
  check(request: CheckRequest): Promise<void>;
  /**
   * Servers get the newest version of each secret. Throws `rollout_running`, `image_unknown`, `port_taken`,
   * `traffic_conflict`, `version_taken`, `jobs_unsupported`, `secret_missing`, `secret_invalid`, `secret_key_invalid`, `secret_corrupt`.
   */
  deploy(request: DeployRequest): Promise<Accepted>;
  preview(request: DeployRequest): Promise<PlanPreview>;
  /** To `release`, or to the last good one. Throws `service_unknown`, `release_unknown`, `rollback_impossible`, `rollout_running`. */
  rollback(service: ServiceKey, release: number | undefined, by: string): Promise<Accepted>;
  scale(service: ServiceKey, count: number, by: string): Promise<Accepted>;
  /** Resolves when it is recorded; the service is gone when `status` no longer knows it. */
  remove(service: ServiceKey, by: string): Promise<void>;
  /** Turns the running rollout back. Throws `rollout_none`. */
  abort(service: ServiceKey, by: string): Promise<Rollout>;
  /** Everything stays as it is until resumed. Throws `rollout_none`. */
  pause(service: ServiceKey, by: string): Promise<Rollout>;
  /** Goes on, with failures so far forgiven. Throws `rollout_none`. */
  resume(service: ServiceKey, by: string): Promise<Rollout>;
  /** Goes on at once: the present step waits no longer, neither for its hold nor for a person. Throws `rollout_none`. */
  promote(service: ServiceKey, by: string): Promise<Rollout>;
  status(service?: ServiceKey): Promise<readonly ServiceStatus[]>;
  rollout(id: number): Promise<Rollout>;
  history(service: ServiceKey): Promise<History>;
  /** Of one service or of all, by service and name, the oldest version first. */
  secrets(service?: ServiceKey): Promise<readonly SecretVersion[]>;
  /**
   * A new version for the next deploy; no server changes by it. `value` is base64. Throws `secret_invalid`,
   * `secret_key_invalid`.
   */
  setSecret(service: ServiceKey, name: string, value: string, by: string): Promise<SecretSet>;
  /** With all its versions. Throws `secret_unknown`, `secret_in_use`. */
  removeSecret(service: ServiceKey, name: string, by: string): Promise<void>;
  /**
   * What differs now, by server and time; of one server, or of all. With `inspect` all are looked at once more. Throws
   * `server_unknown`: a name that is none must not read like a server that is well.
   */
  drift(options: { readonly server?: ServerId; readonly inspect?: boolean }): Promise<readonly DriftReport[]>;
  /** Newest first. */
  evidence(): Promise<readonly EvidenceSummary[]>;
  /** Throws `evidence_unknown`. */
  evidenceOf(server: ServerId): Promise<EvidenceReport>;
  /** The whole archive, in pieces. Throws `evidence_unknown`. */
  exportEvidence(server: ServerId, signal: AbortSignal): AsyncIterable<ArchivePiece>;
  /**
   * Makes a server like this one, of the same release, in no group and without traffic. Resolves to its id when that is
   * on its way; there is one for each server, and one that is there is left as it is. Throws `server_unknown`,
   * `platform_unusable`.
   */
  reproduce(server: ServerId, by: string): Promise<{ readonly id: ReproductionId }>;
  /** Of one in quarantine, or a reproduction. Throws `server_unknown`, `server_in_use`. */
  destroyServer(server: ServerId, by: string): Promise<void>;
  /**
   * Taints the server, then lets somebody in: it is taken out of traffic and replaced, but neither frozen nor destroyed
   * before the session is over. A reproduction is only entered. Throws `server_unknown`, `exec_refused`, `command_missing`, `usage`.
   */
  exec(request: ExecRequest): Promise<ExecGrant>;
  /** The session is over; one that is over already is no error. */
  endExec(session: number, exitCode: number): Promise<void>;
  /** Digests that a kept release uses, with the releases that do. */
  imagesInUse(): Promise<ReadonlyMap<ImageDigest, readonly string[]>>;
  /**
   * Events after `after` (a sequence number) and not before `sinceMs` (Unix time), of a service or a server; of those
   * only the `newest` ones (0: none that has happened yet), oldest first; with the signal they go on as they happen.
   */
  events(options: {
    readonly after?: number;
    readonly newest?: number;
    readonly sinceMs?: number;
    readonly service?: ServiceKey;
    readonly server?: ServerId;
    readonly signal?: AbortSignal;
  }): AsyncIterable<KilnEvent>;
  audit(): Promise<AuditStatus>;
  /** A signed checkpoint of the log as it is now. Throws `audit_key_invalid`. */
  checkpoint(): Promise<ExportedCheckpoint>;
  /**
   * Records that these breaks are known, and signs that: from then on nobody is warned of them. Resolves to its place in
   * the log. Throws `audit_key_invalid`.
   */
  acceptBreaks(request: AcceptRequest): Promise<{ readonly sequence: number }>;
  /** Checkpoints are signed with a new key from now on. */
  rotateAuditKey(by: string): Promise<AuditKey>;
  logs(
    server: ServerId,
    options: Parameters<LogReader["read"]>[1],
    signal: AbortSignal,
  ): AsyncIterable<LogLine>;
  info(): Promise<ControllerStatus>;
  /** Stops the controller; servers and router live on. */
  shutdown(): Promise<void>;
}
