import type { JobId, ServerId, ServiceKey } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { PlatformName } from "../../domain/target.ts";
import type { Restoring } from "../../domain/volume.ts";
import type { Listener } from "../../lib/process/listeners.ts";
import type { Access } from "../contract/access.ts";
import type { Call } from "../contract/call.ts";
import type { Evidence, Taint } from "../contract/evidence.ts";
import type { Candidate } from "../contract/platform.ts";
import type { Readiness } from "../contract/readiness.ts";
import type { LogReader, UsageReader } from "../contract/reading.ts";
import type { Volumes } from "../contract/volumes.ts";

/** What a host is asked to start. */
export interface ServerSpec {
  readonly id: ServerId;
  readonly release: Release;
  /** Snapshots that take the place of the data before it starts. Absent: the data stays. */
  readonly restore?: Restoring | undefined;
}

/** A job, as a host is asked to start it: a server with a command of its own. */
export interface HostJob {
  readonly id: JobId;
  readonly release: Release;
  /** argv, in place of the image's. */
  readonly command: readonly string[];
}

/** A server as its host knows it, from the host's own durable record: a new controller finds the same. */
export interface HostServer {
  readonly id: ServerId;
  readonly release: Release;
  readonly createdAtMs: number;
  /** `creating` when a crash left it half made, its command not begun: `create` may be repeated, `destroy` cleans it up. */
  readonly state: "creating" | "running" | "exited";
  /** IP address that the router and health checks reach it at. */
  readonly address: string | undefined;
  /** Of an exited server. `code` is undefined when it is not known (the machine was restarted). */
  readonly exit:
    | { readonly code: number | undefined; readonly atMs: number; readonly oomKilled: boolean }
    | undefined;
  /** It has ended, and what it used is not free yet, such as its volumes: `stop` frees it. Absent: that is not so. */
  readonly unfreed?: true | undefined;
  /** User and group that its program runs as; undefined where the host does not know. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** When it was put in quarantine; undefined for all others. */
  readonly quarantinedAtMs: number | undefined;
  /** When it was retired; undefined for all others. */
  readonly retiredAtMs: number | undefined;
  /**
   * Why nothing can reach it any more although it runs: its link is gone. The end of a sentence. Nothing but another server
   * mends that. Absent: nothing is known to be wrong.
   */
  readonly lost?: string;
  /**
   * The machine's own address on the link that it is on: what speaks to the server from another one has come to something
   * else. Absent: not known.
   */
  readonly reachedFrom?: string;
  /** The same of IPv6: where it is reached when it listens by IPv6 alone. Absent: it has no such address. */
  readonly ipv6?: Place6 | undefined;
}

export interface Place6 {
  readonly address: string;
  readonly reachedFrom: string;
}

/** Something wrong with what all servers of a host share. */
export interface HostTrouble {
  /** One sentence each: what is wrong, or was, and what to do about it. */
  readonly message: string;
  readonly hint: string | undefined;
}

/** What other servers shall find below a service's name. */
export interface OfferedName {
  /** TCP ports that clients ask for. */
  readonly ports: readonly number[];
  /** Ports of the machine at which the router has the service for everyone: for servers the same rule holds there. */
  readonly public: readonly number[];
  /** The same of UDP. Absent: none. */
  readonly datagrams?: Pick<OfferedName, "ports" | "public"> | undefined;
  /** As of `mayReach`. Absent: as it was said before. */
  readonly allow?: readonly string[] | undefined;
}

/** Where what clients ask for by name arrives: the router listens there. */
export interface NamedWay {
  readonly port: number;
  readonly address: string;
  /** For those who ask by IPv6. Absent: no one does. */
  readonly address6?: string | undefined;
  readonly listen: number;
  /** UDP: the address is that of the name. Absent: TCP. */
  readonly isDatagrams?: true | undefined;
}

/** Names by which servers reach services, and who may reach which. Both outlive the controller. */
export interface ServiceNames {
  /** Resolves when servers resolve it. Empty: names lead nowhere here. */
  offer(service: ServiceKey, offered: OfferedName): Promise<readonly NamedWay[]>;
  withdraw(service: ServiceKey): Promise<void>;
}

/**
 * A place that can only start and stop single servers. Every call may be repeated, also after a crash in its middle.
 * A server that has exited keeps its record and its logs until it is destroyed.
 */
export interface Host {
  /** Of the platform that it becomes with a router. */
  readonly name: PlatformName;
  probe(call: Call): Promise<Readiness>;
  /** Every server of ours, complete; throws rather than return a part. */
  list(call: Call): Promise<readonly HostServer[]>;
  /** Starts it; resolves when its process runs. Returns the present one when it already does. */
  create(server: ServerSpec, call: Call): Promise<HostServer>;
  /**
   * Remembers that its end is wanted, before anything is done about it: a controller that finds it ended, or still running
   * after a crash, continues and blames no release. `destroy` does so by itself. An unknown id is not an error.
   */
  retire(id: ServerId, call: Call): Promise<void>;
  /** Stop signal, `graceMs`, SIGKILL; then all it used is freed, but its record and logs stay. */
  stop(id: ServerId, graceMs: number, call: Call): Promise<void>;
  /** Stops it without grace if it still runs, and removes everything of it. An unknown id is not an error. */
  destroy(id: ServerId, call: Call): Promise<void>;
  /** Calls back soon after a server's process has ended. Speed only. */
  watch(ended: (id: ServerId) => void): Disposable;
  /** Throws `shape_unsupported` with what its servers cannot have. Absent: they can have everything. */
  requireSupported?(release: Candidate): void;
  /** Throws when the image is gone or no server can be made from it. Makes nothing. */
  check(release: Pick<Release, "service" | "image">, call: Call): Promise<void>;
  /** As `Platform.forecast`. */
  forecast?(release: Release, size: number, call: Call): Promise<readonly string[]>;
  /** Makes what all servers of the release share; repeating it is cheap. Throws what `check` throws. */
  prepare(release: Pick<Release, "service" | "image">, call: Call): Promise<void>;
  /** Absent: what its servers write stays with them. */
  readonly logs?: LogReader;
  /** Absent: what its servers use is not known. */
  readonly usage?: UsageReader;
  /** Absent: servers do not reach services by name. */
  readonly names?: ServiceNames;
  /** Absent: servers get no volumes. One server at a time has a volume that is not shared: `create` throws `volume_in_use` for a second. */
  readonly volumes?: Volumes;
  /**
   * Starts a job, which is then listed, stopped, destroyed and read like a server. A command that may have begun is never
   * started again: one that is there, running or not, is returned as it is. Absent: this host runs no jobs.
   */
  runJob?(job: HostJob, call: Call): Promise<HostServer>;
  /** Absent: no one is let into its servers. `isolate` remembers that it is out of traffic for good. */
  readonly access?: Access;
  /** What a running server listens on, by TCP unless said otherwise; undefined when that cannot be told. Absent: it never can. */
  listeners?(id: ServerId, transport?: "tcp" | "udp"): readonly Listener[] | undefined;
  /** A server was not reached: the next `list` looks whether everything around servers is as it should be. */
  suspect?(): void;
  /** What the last `list` has found wrong with what servers share, also what was mended lately. From memory. */
  troubles?(): readonly HostTrouble[];
  /** Freezes it where that can be done, remembers that, then keeps its evidence. Throws `server_unknown`. */
  quarantine(id: ServerId, reason: Taint, call: Call): Promise<Evidence>;
}
