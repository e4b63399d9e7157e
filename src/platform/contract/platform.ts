import type { ImageDigest, ReproductionId, ServerId, ServiceKey } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import type { Shares } from "../../domain/rollout/actions.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { Split } from "../../domain/rollout/split.ts";
import type { PlatformName } from "../../domain/target.ts";
import type { Restoring } from "../../domain/volume.ts";
import type { Access } from "./access.ts";
import type { Call } from "./call.ts";
import type { Evidence, Taint } from "./evidence.ts";
import type { JobOrder, JobRunner } from "./jobs.ts";
import type { Readiness } from "./readiness.ts";
import type { AccessLogReader, LogReader, TrafficStats, UsageReader } from "./reading.ts";
import type { Volumes } from "./volumes.ts";

/** A release that may come: before its image is built, what is known of it. */
export interface Candidate extends Pick<Release, "service" | "shape" | "health" | "traffic"> {
  /** Names of secrets and paths of configuration files that its servers get. Absent: none. */
  readonly secrets?: readonly { readonly name: string }[];
  readonly files?: readonly { readonly to: string }[];
  readonly image: ImageDigest | undefined;
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
  /** Requests of services whose traffic has `accessLog`. Absent: such traffic is refused. */
  readonly accessLog?: AccessLogReader;
  /** Absent: what its servers use is not known. */
  readonly usage?: UsageReader;
  readonly volumes?: Volumes;
  readonly traffic?: TrafficStats;
  readonly jobs?: JobRunner;
  /** Servers reach services by name, and `network.allow` of a release holds. */
  readonly names?: true;
  readonly exec?: Access;
}
