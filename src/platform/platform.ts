import type { Finding, IntegrityTier } from "../domain/drift/drift.ts";
import type { ImageDigest, JobId, ReproductionId, ServerId, ServiceKey } from "../domain/ids.ts";
import type { Observation } from "../domain/observation.ts";
import type { Shares } from "../domain/rollout/actions.ts";
import type { Release, ReleaseSecret } from "../domain/rollout/release.ts";
import type { Split } from "../domain/rollout/split.ts";
import type { JobSpec } from "../domain/spec/job-spec.ts";
import type { PlatformName } from "../domain/target.ts";
import type { TrafficCounter } from "../domain/traffic/traffic.ts";
import type { Restoring } from "../domain/volume.ts";
import type { ErrorCode } from "../lib/error-codes.ts";
import type { Volumes } from "./volumes.ts";

/** A release that may come: before its image is built, what is known of it. */
export interface Candidate extends Pick<Release, "service" | "shape" | "health" | "traffic"> {
  /** Names of secrets and paths of configuration files that its servers get. Absent: none. */
  readonly secrets?: readonly { readonly name: string }[];
  readonly files?: readonly { readonly to: string }[];
  readonly image: ImageDigest | undefined;
}

/** What every call carries: when to give up. */
export interface Call {
  readonly signal: AbortSignal;
  /** Unix time in ms. */
  readonly deadline: number;
}

/** A thing that this machine or account lacks, and what to do about it. */
export interface Gap {
  readonly what: string;
  readonly remedy: string;
  /** `fatal`: the platform cannot be used; `degraded`: it can, with less. */
  readonly severity: "fatal" | "degraded";
  /** Of the error with which a command ends because of it. Absent: `platform_unusable`. */
  readonly code?: ErrorCode | undefined;
}

export interface Readiness {
  readonly usable: boolean;
  readonly gaps: readonly Gap[];
  /** What was found, for `kiln doctor`: `runc 1.1.5`, `cgroup v2`. */
  readonly facts: readonly string[];
  /** Absent where servers are not looked at. */
  readonly integrity?: IntegrityTier;
}

/** A group as its platform needs to know it. */
export interface GroupSpec {
  readonly release: Release;
  /** How long open connections of a server that leaves may take. */
  readonly drainMs: number;
  /**
   * Servers of it that others take the place of: while they are there they run in addition to `size` others. With size 0:
   * servers in quarantine that outlast their group. Absent: none.
   */
  readonly replacing?: readonly ServerId[] | undefined;
  /** Snapshots that take the place of the data before its first server starts. Absent: the data stays. */
  readonly restore?: Restoring | undefined;
}

/** A call that a plan leads to. */
export type PlannedCall =
  | { readonly kind: "run-job"; readonly order: JobOrder }
  | { readonly kind: "resize"; readonly group: GroupSpec; readonly size: number }
  | {
      readonly kind: "route";
      readonly service: ServiceKey;
      readonly shares: Shares;
      readonly releases: readonly Release[];
    }
  | { readonly kind: "preview"; readonly service: ServiceKey; readonly release: Release };

/** The mark that drift leaves on a server, forever: the finding that led to it. */
export type Taint = Omit<Finding, "server" | "service" | "release">;

export interface Evidence {
  readonly server: ServerId;
  /** Names what was kept: `sha256:…`. Undefined where nothing can be. */
  readonly digest: string | undefined;
  /** Processes from outside that were in it and were killed once that was kept, as `pid 123 (name)`. Absent: none. */
  readonly killed?: readonly string[];
}

/** A server in quarantine, with what is needed to keep its evidence. */
export interface Exhibit {
  readonly server: ServerId;
  readonly release: Pick<Release, "number" | "image" | "version">;
  readonly taint: Taint;
  /** Its first process; undefined when that has ended, or is on another machine. */
  readonly pid: number | undefined;
  /** Absolute paths in it where secrets are. */
  readonly secrets: readonly string[];
  /** Processes in its cgroup. */
  readonly processes: readonly number[];
  /** The last lines that it wrote, oldest first. */
  readonly log: readonly string[];
  /** Transcripts of the sessions of people in it: absolute paths. */
  readonly transcripts: readonly string[];
  /** What else its platform says of it, as files of these names. Absent: nothing. */
  readonly documents?: readonly { readonly name: string; readonly text: string }[];
  /** What could not be read, each with the reason. Absent: nothing. */
  readonly missing?: readonly string[];
}

/** Keeps evidence; `src/drift` implements it, the composition root hands it in. */
export interface EvidenceKeeper {
  /** Resolves to the digest that names it. Repeating it keeps it again. */
  keep(exhibit: Exhibit, call: Call): Promise<string>;
}

/**
 * A place that runs groups of servers. Calls may be repeated: each is idempotent. Ids of servers are the platform's own:
 * no other part reads anything in them.
 */
export interface Platform {
  readonly name: PlatformName;
  /** How fine the shares of traffic can be. */
  readonly split: Split;
  /**
   * Ways in are ports of the controller's machine, and such a port may be open twice: a service that moves between two targets of this kind
   * has both on the same port for a moment. Absent: ways in are the target's own.
   */
  readonly ports?: "machine";
  /** An unusable platform is a value with reasons and remedies, not a throw. */
  probe(call: Call): Promise<Readiness>;
  /**
   * Every group and server of ours, complete; throws rather than return a part. It shows what was asked by calls that had
   * resolved before it began (sizes, shares); what has become of servers may be some moments old. Yet what looks gone is
   * gone: of a group that was asked to go, a server that no look has shown so far is among the remains.
   */
  observe(call: Call): Promise<Observation>;
  /**
   * Exactly `size` servers of this release. Resolves when the platform has accepted that, not when they are ready:
   * `observe` reports it. Surplus is drained, then destroyed. 0 removes the group. Throws `quota_exceeded` where there may
   * be no more servers: what is there stays.
   */
  resize(group: GroupSpec, size: number, call: Call): Promise<void>;
  /**
   * Shares of new traffic by release, for a service whose ways in are `releases[].traffic`, as near as `split` allows. An
   * empty list closes them. Resolves when the data plane has it. Throws `port_taken` when another program listens there, `certificate_invalid`
   * when a way in can't be opened with its certificate, `server_failed` when no server of these releases is ready and
   * one that has the traffic now is: then the traffic stays where it is.
   */
  route(service: ServiceKey, shares: Shares, releases: readonly Release[], call: Call): Promise<void>;
  /**
   * Which release the preview port reaches: that of its `traffic.preview`, with its ready servers and no others. Undefined:
   * none. The port is open as long as a release with traffic has one. Resolves when the data plane has it; throws
   * `port_taken`, `traffic_conflict` or `certificate_invalid` when the port can't be opened. Absent: there are no previews.
   */
  preview?(service: ServiceKey, release: Release | undefined, call: Call): Promise<void>;
  /**
   * Out of traffic for good, frozen where that can be done, evidence kept. The group makes another, unless `replacing`
   * named it. Lasts until it is destroyed or its group goes. Throws `server_unknown`. Absent: a server that has drifted
   * is retired.
   */
  quarantine?(server: ServerId, reason: Taint, call: Call): Promise<Evidence>;
  /**
   * Takes no new requests, is drained, then destroyed. The group makes another, unless `replacing` named it. Resolves when
   * that is accepted; an unknown id is not an error.
   */
  retire(server: ServerId, call: Call): Promise<void>;
  /** Without a drain; otherwise as `retire`. */
  destroy(server: ServerId, call: Call): Promise<void>;
  /** Something changed: observe again. Speed only; correctness never needs it. */
  watch(changed: (service: ServiceKey) => void): Disposable;
  /**
   * What stands against this release here: a taken port, a certificate that can't be used, an image that is gone. It
   * makes and changes nothing, because a plan asks it too.
   */
  preflight?(release: Candidate, call: Call): Promise<void>;
  /** What making a group of `size` servers would do there, one sentence each. It makes and changes nothing. Absent: nothing more is known. */
  forecast?(release: Release, size: number, call: Call): Promise<readonly string[]>;
  /**
   * What the platform would be given by these calls: objects of its own kind, in the order in which they are made, with values of secrets masked.
   * `contents`: configuration files by digest. It makes and changes nothing. Absent: there are no such objects.
   */
  manifests?(
    planned: readonly PlannedCall[],
    contents: ReadonlyMap<string, Uint8Array>,
    call: Call,
  ): Promise<readonly object[]>;
  /** Brings an image to where its servers are made, so that none of them waits for that. Absent: creating a server does. */
  publish?(release: Pick<Release, "service" | "image">, call: Call): Promise<void>;
  /**
   * A one-off server, made exactly as that server of the release is, in no group and without traffic, which no detector
   * looks at. Resolves to its id when that is accepted; `observe` reports its state, `destroy` removes it. A server has
   * at most one, which is not started again when it has ended.
   */
  reproduce?(server: ServerId, release: Release, call: Call): Promise<ReproductionId>;
  readonly logs?: LogReader;
  readonly volumes?: Volumes;
  readonly traffic?: TrafficStats;
  readonly jobs?: JobRunner;
  /** Servers reach services by name, and `network.allow` of a release holds. */
  readonly names?: true;
  readonly exec?: Access;
}

/**
 * Lets people run commands in servers; presence is the capability. The client runs the command, not the
 * controller: the command has the client's terminal, and survives the end of the controller.
 */
export interface Access {
  /** Throws `server_unknown`, and `command_missing` when the server's image cannot run the command. */
  check(server: ServerId, command: readonly string[], call: Call): Promise<void>;
  /**
   * Out of traffic for good, as in quarantine, but it runs on until `quarantine`. The group makes another, unless
   * `replacing` named it. Throws `server_unknown`.
   */
  isolate(server: ServerId, call: Call): Promise<void>;
  /** The command to run on this machine; from now on no detector looks at the server. Throws `server_unknown`. */
  enter(order: ExecOrder, call: Call): Promise<Entrance>;
}

export interface ExecOrder {
  readonly server: ServerId;
  /** Tells the sessions of an installation apart. */
  readonly session: number;
  readonly command: readonly string[];
  /** Whether the command gets a terminal; otherwise three pipes. */
  readonly terminal: boolean;
}

export interface Entrance {
  /** Runs the command in the server as one of its own processes: same user, no capabilities. */
  readonly argv: readonly string[];
  /** A file that takes the transcript; what is in it goes to the server's evidence. */
  readonly transcript: string;
}

/**
 * Finds what is changed of running servers, whatever it looks with: the kernel's files and events, the events of an engine, a
 * comparison of a cloud's resources with what was asked for. Disposing of it ends all looking.
 */
export interface DriftSource extends AsyncDisposable {
  /** Calls back with each finding, once, as soon as it is there. */
  watch(found: (finding: Finding) => void): Disposable;
  /** Calls back with what the source has to say of itself and of its place: that it sees worse now, or that it could not see for a time. */
  watchNotices(told: (notice: DriftNotice) => void): Disposable;
  /** All that was found about servers that are there, oldest first. From memory. */
  findings(): readonly Finding[];
  /** Looks at everything now; resolves to all findings. */
  inspect(call: Call): Promise<readonly Finding[]>;
  /** Stops all processes of the server where they are, before it returns. False when it could not be done. Absent: it never can. */
  freeze?(server: ServerId): boolean;
}

/** An event that concerns no single server. */
export interface DriftNotice {
  /** Of the event: `drift.tier`, `drift.gap`, `drift.object`. */
  readonly kind: string;
  /** One sentence for people. */
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** One job of a release, as one rollout runs it, or as one run of no rollout. */
export interface JobOrder {
  readonly release: Release;
  /** 0 for a run of no rollout. */
  readonly rollout: number;
  /** The number of such a run. */
  readonly run?: number | undefined;
  readonly job: Pick<JobSpec, "name" | "command" | "deadlineMs">;
}

/**
 * Runs jobs: one-off servers of a release with a command of their own, without traffic and in no group. `observe` tells
 * how they do. When the main process of one ends, everything of it ends; what is left is its logs.
 */
export interface JobRunner {
  /**
   * Resolves when that is accepted. The command of one job of one rollout is never started twice: not when `run` is repeated, nor after a crash, nor when the machine has restarted.
   */
  run(order: JobOrder, call: Call): Promise<void>;
  /** Stop signal, some seconds, SIGKILL. Resolves when that is accepted; an unknown id is not an error. */
  end(job: JobId, call: Call): Promise<void>;
  /** Ends it without grace if it still runs, and removes its logs. An unknown id is not an error. */
  forget(job: JobId, call: Call): Promise<void>;
}

export interface TrafficStats {
  /** What the data plane has counted for the servers that it gives traffic to: of one service, or of all. */
  read(service: ServiceKey | undefined, call: Call): Promise<readonly TrafficCounter[]>;
}

export interface LogReader {
  /**
   * The lines of a server or job, oldest first: the last `tail` of them (all without it), then, with `follow`, new ones until
   * the signal fires or the server is gone. Throws `server_unknown`.
   */
  read(
    server: ServerId,
    options: { readonly tail?: number | undefined; readonly follow?: boolean | undefined },
    signal: AbortSignal,
  ): AsyncIterable<LogLine>;
}

export interface LogLine {
  readonly atMs: number;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

/** Images as a host needs them; `src/image` implements it, the composition root hands it in. */
export interface ImageSource {
  /** Whether `open` can succeed. Throws `image_unknown`, `image_invalid`. Makes no file of a layer. */
  check(image: ImageDigest, call: Call): Promise<void>;
  /** Throws `image_unknown`, `image_invalid`. Makes what is missing (one erofs file per layer); repeating it is cheap. */
  open(image: ImageDigest, call: Call): Promise<HostImage>;
}

/** What every virtual machine starts; `src/image` implements it, the composition root hands it in. */
export interface MachineSource {
  /** Makes what is missing; repeating it is cheap. Throws what fetching packages throws. */
  parts(call: Call): Promise<MachineParts>;
}

/** Absolute paths, and the digests (`sha256:…`) of what they hold. */
export interface MachineParts {
  readonly kernel: { readonly file: string; readonly sha256: string };
  readonly initrd: { readonly file: string; readonly sha256: string };
}

/** Values of secrets as a host needs them when it makes a server; the composition root hands it in. */
export interface SecretSource {
  /** The value of the newest version. Throws `secret_missing`, `secret_key_invalid`, `secret_corrupt`. */
  newest(service: ServiceKey, name: string): Promise<Uint8Array>;
  /** All of them, by name. Throws `secret_missing`, `secret_key_invalid`, `secret_corrupt`. */
  open(service: ServiceKey, secrets: readonly ReleaseSecret[]): Promise<ReadonlyMap<string, Uint8Array>>;
}

/** Contents of configuration files; the composition root hands it in. */
export interface ConfigSource {
  /** By the digest that a kept release names. Throws `state_corrupt`. */
  open(digest: string): Promise<Uint8Array>;
}

/** Images for an engine that makes root file systems by itself; `src/image` implements it. */
export interface ImagePacker {
  /** As `ImageSource.check`. */
  check(image: ImageDigest, call: Call): Promise<void>;
  /** Throws `image_unknown`, `image_invalid`. Makes no file. */
  pack(image: ImageDigest, call: Call): Promise<PackedImage>;
  /** Throws `command_missing` unless the image can run the command. */
  requireCommand(image: ImageDigest, command: readonly string[], call: Call): Promise<void>;
}

/** Puts images where an engine fetches them from; `src/image` implements it, the composition root hands it in. */
export interface ImagePusher {
  /**
   * Stores the image in a registry, with its digest, under `reference`: `registry.example/team/shop:tag`, with `http://` in front for
   * one on this machine. Throws `registry_unreachable`, `registry_denied`, `registry_failed`, `image_unknown`, `image_invalid`.
   */
  push(image: ImageDigest, reference: string, call: Call): Promise<void>;
}

export interface PackedImage extends ImageProcess {
  /** GOARCH of the machines that it runs on. */
  readonly architecture: string;
  /** The digest of its configuration, `sha256:…`, which is what Docker's graph drivers name an image by. */
  readonly config: string;
  /** A tar archive that `docker load` takes on every kind of image store; the image is shown there by this name. */
  archive(name: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface HostImage extends ImageProcess {
  /** Bottom layer first. */
  readonly layers: readonly { readonly file: string; readonly sha256: string }[];
}

/** What the image says of the process that is started from it. */
export interface ImageProcess {
  readonly digest: ImageDigest;
  readonly argv: readonly string[];
  /** `NAME=value`, as in the OCI image configuration. */
  readonly env: readonly string[];
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups of the user, from the image's /etc/group. */
  readonly groups: readonly number[];
  readonly workingFolder: string;
  /** Signal name without SIG, e.g. `TERM`, `QUIT`. */
  readonly stopSignal: string;
}
