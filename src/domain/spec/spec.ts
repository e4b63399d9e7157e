import type { TargetName } from "../target.ts";
import type { VolumeSpec } from "../volume.ts";
import type { HealthCheck } from "./health-check.ts";
import type { NetworkSpec } from "./network.ts";

/**
 * What a user asks for, validated and with units made plain: durations in milliseconds, sizes in bytes.
 * `src/spec` makes these from `kiln.yaml`.
 */

export interface ServiceSpec {
  /** Lower-case letters, digits and hyphens; a letter first; at most 32 characters. */
  readonly service: string;
  /** The environment it was merged for (`--env`), if any. */
  readonly environment: string | undefined;
  /** Where it runs. */
  readonly target: TargetName;
  readonly image: ImageSpec;
  /** How many servers. Not part of a release: changing only this scales. */
  readonly count: number;
  readonly shape: ServerShape;
  /** Each name once. Which version of a secret servers get, the controller decides when it makes a release. */
  readonly secrets: readonly SecretSpec[];
  readonly files: readonly ConfigFileSpec[];
  readonly health: HealthSpec;
  /** Absent: the service takes no traffic from the router. */
  readonly traffic: TrafficSpec | undefined;
  readonly rollout: RolloutPolicy;
  readonly upkeep: UpkeepPolicy;
  readonly jobs: readonly JobSpec[];
  /** Absent: none. */
  readonly schedules?: readonly ScheduleSpec[] | undefined;
  /** Absent: all services of the same environment reach it. */
  readonly network?: NetworkSpec | undefined;
  /** Names of services that must serve before its rollout begins, where several are deployed at once. Absent: none. */
  readonly after?: readonly string[] | undefined;
  /** Environments that its image climbs, from the lowest. Absent: none. */
  readonly ladder?: readonly string[] | undefined;
}

/**
 * Work that is done once in each deploy, by a server of its own: made from the new release, without traffic, health
 * check or successor. Jobs of one kind run one after another, in their order.
 */
export interface JobSpec {
  /** Lower-case letters, digits and hyphens; a letter first. Each once in a release. */
  readonly name: string;
  /** `before`: before any server of the new release exists; `after`: once those have all the traffic. */
  readonly when: "before" | "after";
  /** argv, in place of the image's. */
  readonly command: readonly string[];
  /** How long it may take, from its start to its end. */
  readonly deadlineMs: number;
}

/** A job that the controller runs at set times, by a server of the release that serves then. */
export interface ScheduleSpec {
  /** As of `JobSpec`; no job of the release has the same. */
  readonly name: string;
  /** Five fields as in crontab(5), or `@daily` and the like. */
  readonly schedule: string;
  /** Of the IANA database; a time that the clock skips in spring comes once, one that it repeats in autumn too. */
  readonly timeZone: string;
  /** argv, in place of the image's. */
  readonly command: readonly string[];
  /** What happens when a time comes while the run before has not ended. */
  readonly overlap: "skip" | "replace" | "allow";
  /** How long one run may take, from its start to its end. */
  readonly deadlineMs: number;
  /** How many ended runs are kept, with their logs. */
  readonly keep: number;
}

export interface ImageSpec {
  /** A label that, once given, never points elsewhere. Absent: from git, otherwise a counter. */
  readonly version: string | undefined;
  readonly from: ImageBase;
  /** Arguments of the Dockerfile, in place of their defaults. Absent: none. */
  readonly args?: Readonly<Record<string, string>>;
  /** Debian package names, optionally `name=version`. */
  readonly packages: readonly string[];
  /** Package sources in place of the machine's: lines in the one-line format of sources.list(5). */
  readonly sources: readonly string[];
  /** Packages whose maintainer scripts the user has declared unneeded. */
  readonly skipScripts: readonly string[];
  readonly files: readonly FileSpec[];
  /** Patterns of what is left out of `files`, after the patterns of `.dockerignore` and in its syntax. */
  readonly exclude: readonly string[];
  /** Users that the image gets, besides those that its base and packages bring. */
  readonly users: readonly UserSpec[];
  readonly folders: readonly FolderSpec[];
  readonly links: readonly LinkSpec[];
  /** Environment variables, over the base's. */
  readonly env: Readonly<Record<string, string>>;
  /** Labels of the image's configuration, over the base's. */
  readonly labels: Readonly<Record<string, string>>;
  /** Name, uid, `name:group` or `uid:gid`, as in the OCI image configuration. Absent: the base's, or an unprivileged number. */
  readonly user: string | undefined;
  /** argv. Absent: that of the base image. */
  readonly command: readonly string[] | undefined;
}

export type ImageBase =
  | { readonly kind: "scratch" }
  | { readonly kind: "debian"; readonly suite: string }
  /** An OCI image layout: a folder or a tar archive. `path` is absolute; `ref` picks one of several images. */
  | { readonly kind: "oci"; readonly path: string; readonly ref: string | undefined }
  /** What a Dockerfile builds, or one of its stages. `path` is absolute. */
  | { readonly kind: "dockerfile"; readonly path: string; readonly stage: string | undefined }
  /** An image in a registry, as a person names it, with a tag or a digest. */
  | { readonly kind: "registry"; readonly reference: string }
  /** Where a channel of this installation is. */
  | { readonly kind: "channel"; readonly service: string; readonly name: string };

/** A line of passwd(5), and what groups it needs. */
export interface UserSpec {
  readonly name: string;
  /** Absent: the lowest from 1000 on that the image has not. */
  readonly uid: number | undefined;
  /** Name of its group, which is made where the image has none of that name. Absent: the user's own name. */
  readonly group: string | undefined;
  /** Names of further groups, which the image has. */
  readonly groups: readonly string[];
  /** Absolute path, made and owned by the user. Absent: none. */
  readonly home: string | undefined;
  readonly shell: string | undefined;
}

export interface FolderSpec {
  /** Absolute path in the image. */
  readonly path: string;
  readonly mode: number;
  /** As in `FileSpec`. */
  readonly owner: string | undefined;
}

export interface LinkSpec {
  /** Absolute path in the image. */
  readonly path: string;
  /** What it points to, absolute or relative to its folder; need not be there. */
  readonly target: string;
}

export interface FileSpec {
  /** Absolute path of a file or folder inside the project. */
  readonly from: string;
  /** Absolute path in the image. */
  readonly to: string;
  /** Permission bits for files; folders get the execute bits that match. Absent: 0644, or 0755 where the source is executable. */
  readonly mode: number | undefined;
  /** Name or uid, optionally `:group`. Absent: root. */
  readonly owner: string | undefined;
}

/** What every server of a release has. */
export interface ServerShape {
  /** TCP port that the process listens on, inside the server. */
  readonly port: number | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryBytes: number | undefined;
  /** CPU cores, e.g. 0.5. */
  readonly cpus: number | undefined;
  /** Absolute paths that are tmpfs; all else but volumes is read-only. */
  readonly writable: readonly string[];
  /** Absent: none. */
  readonly volumes?: readonly VolumeSpec[] | undefined;
  /** Whether a small init is the first process: it reaps orphaned processes and forwards signals to the program. */
  readonly init?: true | undefined;
  readonly stop?: StopSpec | undefined;
  /** Most memory of /dev/shm. Absent: 64 MiB. */
  readonly sharedMemoryBytes?: number | undefined;
  /** setrlimit(2), by the name of the resource. Absent ones are the platform's. */
  readonly ulimits?: Readonly<Partial<Record<Ulimit, UlimitSpec>>> | undefined;
}

/** How a server is told to end, once it is out of traffic and drained. */
export interface StopSpec {
  /** `SIGQUIT`, `SIGRTMIN+3` or the like. Absent: the image's, else SIGTERM. */
  readonly signal?: string | undefined;
  /** How long it may take before it is killed. Absent: 10 s. */
  readonly graceMs?: number | undefined;
}

/** Resources of setrlimit(2), named as in `ulimit` and limits.conf(5). */
export const ulimitNames = [
  ...(["as", "core", "cpu", "data", "fsize", "memlock", "msgqueue"] as const),
  ...(["nice", "nofile", "nproc", "rtprio", "sigpending", "stack"] as const),
] as const;

export type Ulimit = (typeof ulimitNames)[number];

/** In the resource's own unit; -1 stands for unlimited. */
export interface UlimitSpec {
  readonly soft: number;
  readonly hard: number;
}

/** A secret that servers get. */
export interface SecretSpec {
  /** Upper-case letters, digits and underscores; a letter first. */
  readonly name: string;
  readonly delivery: SecretDelivery;
}

/** Where secrets are files when their spec names no path. The whole folder is read-only and in memory. */
export const secretsFolder = "/run/secrets";

/** As a file in memory, at an absolute path; or, where a program can take it no other way, as environment variable. */
export type SecretDelivery =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "env"; readonly variable: string };

/** A small file of the project that belongs to the release rather than to its image. */
export interface ConfigFileSpec {
  /** Absolute path of a regular file inside the project. */
  readonly from: string;
  /** Absolute path in every server. */
  readonly to: string;
  /** Permission bits. */
  readonly mode: number;
}

export interface HealthSpec {
  readonly check: HealthCheck;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Passes in a row that make a server ready. */
  readonly ready: number;
  /** Failures in a row that take it out of traffic. */
  readonly unready: number;
  /** How long a server may take to become ready, first or again, before it is replaced. */
  readonly deadlineMs: number;
  /** How long a new server may take to its first good answer before `deadlineMs` begins to count. Absent: 0. */
  readonly startPeriodMs?: number | undefined;
}

export interface TrafficSpec {
  readonly mode: "http" | "tcp";
  /** TCP port on the machine. Several http services may share one, told apart by host name and path. */
  readonly listen: number;
  /**
   * Another TCP port, of the same mode and certificate, for any host: while a rollout is on its way it reaches the servers
   * of the new release alone, and no server at other times.
   */
  readonly preview?: number | undefined;
  /**
   * Host name (RFC 9110 section 7.2), lower case, without port. Absent, and without `hosts`: every host that no other
   * service names. `hostsOf` has both.
   */
  readonly host: string | undefined;
  /** More than one host name, or a wildcard: `*.example.com` stands for one label in place of the star. */
  readonly hosts?: readonly string[] | undefined;
  /** Paths that the requests have, with everything below them, without a slash at the end. Absent: every path. */
  readonly paths?: readonly string[] | undefined;
  /** Servers get the request without the path of `paths` that it has. */
  readonly stripPrefix?: boolean | undefined;
  /** The router ends TLS with this certificate. Absent: traffic comes in plain. */
  readonly tls?: TlsSpec | undefined;
  /** IP address of the machine that `listen` and `redirect.http` are opened on. Absent: every address. */
  readonly address?: string | undefined;
  readonly redirect?: RedirectSpec | undefined;
  /** A client is sent to the same server, by a cookie, as long as the servers are the same. */
  readonly sticky?: boolean | undefined;
  /** What servers speak; `h2c`: HTTP/2 in plain, with prior knowledge (RFC 9113, section 3.3). Absent: HTTP/1.1. */
  readonly protocol?: "h2c" | undefined;
  /** Proxies in front of the router, as addresses or networks (CIDR): what they say of their clients is believed. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** `trustedProxies` announce their clients by the PROXY protocol, version 1 or 2. */
  readonly acceptProxy?: boolean | undefined;
  /** The router announces clients to servers by the PROXY protocol, version 2. */
  readonly sendProxy?: boolean | undefined;
  readonly limits?: TrafficLimits | undefined;
  /** A page, or plain text, that is answered with 503 while no server can answer. Absent: one sentence. */
  readonly maintenance?: string | undefined;
}

/** Requests that are answered with the address of the service (status 308). */
export interface RedirectSpec {
  /** A TCP port for plain HTTP: its requests are redirected to `listen`, with https. */
  readonly http?: number | undefined;
  /** Further host names: redirected to the service's first one. */
  readonly hosts?: readonly string[] | undefined;
}

/** Absent: none for body, and otherwise what the router has for all services. */
export interface TrafficLimits {
  /** Longest body of a request, which then has to state its length. */
  readonly bodyBytes?: number | undefined;
  /** Longest head of a request, the request line left out. */
  readonly headersBytes?: number | undefined;
  /** How long a server may be silent while a request is open. */
  readonly timeoutMs?: number | undefined;
  /** How long a WebSocket or a connection of plain TCP may be silent. */
  readonly idleMs?: number | undefined;
}

/**
 * A certificate in PEM form (RFC 7468). It is renewed while its release lives, so a release holds where it is and never
 * what is in it.
 */
export type TlsSpec = TlsFiles | TlsSecret | TlsAcme;

/** Absolute paths on the machine of the router, inside the project or not. */
export interface TlsFiles {
  /** The server's certificate first, then those that lead to its authority. */
  readonly certificate: string;
  /** Its private key, not encrypted. */
  readonly key: string;
}

/** A secret of the service, whose newest version has the certificate, its chain and its key. */
export interface TlsSecret {
  readonly secret: string;
}

/** An authority issues the certificate by ACME (RFC 8555), and the router renews it. */
export interface TlsAcme {
  readonly acme: AcmeSpec;
}

/** An address for mail, loosely: who delivers it decides. */
export const emailPattern = /^[^@\s]{1,64}@[a-z0-9.-]{1,189}$/i;

export interface AcmeSpec {
  /** URL of the authority's directory (RFC 8555, section 7.1.1). */
  readonly directory: string;
  /** Where the authority writes to. */
  readonly email?: string | undefined;
  /** Absolute path, on the machine of the router, of certificates that the authority's own may come from. */
  readonly authority?: string | undefined;
}

/** One stage of a rollout: how far it goes, how long it holds there, and what must hold meanwhile. */
export interface Step {
  /** Share of the servers and of the traffic that the new group has at the end of the step; above 0, at most 1. */
  readonly share: number;
  /** How long the step must stay healthy once the traffic has moved. */
  readonly holdMs: number;
  /** Compares the new release with the old one while the step holds. */
  readonly analysis?: AnalysisSpec | undefined;
}

/** What a step's analysis asks. Worse in any of it: the rollout is given up. Too little to tell: it pauses and says so. */
export interface AnalysisSpec {
  /** Requests to the new release that make a sample; fewer by the end of the hold are inconclusive. */
  readonly minRequests: number;
  /** How much higher the new release's share of failed requests (5xx, no answer) may be than the old one's, 0 to 1. */
  readonly maxErrorRate: number;
  /** How many times the old release's 95th percentile of response times the new one's may be, as far as it can be counted. */
  readonly maxLatencyRatio: number;
  readonly intervalMs: number;
  /** A Prometheus-compatible server: an instant query whose single value must lie within the bounds. */
  readonly query?:
    | {
        readonly url: string;
        readonly query: string;
        readonly min?: number | undefined;
        readonly max?: number | undefined;
      }
    | undefined;
  /** A URL that must answer 2xx. */
  readonly http?: string | undefined;
}

export interface RolloutPolicy {
  readonly strategy: "rolling" | "blue-green" | "canary" | "recreate";
  /** `canary`: the stages before all the traffic, with rising shares. Empty for the others. */
  readonly steps: readonly Step[];
  /** `manual`: the new group waits, whole and ready, until a person promotes it. */
  readonly promote: "auto" | "manual";
  /** `rolling`: servers above `count` that may be raised at once. */
  readonly surge: number;
  /** `rolling`: servers below `count` that may be missing at once. */
  readonly unavailable: number;
  /** How long all servers must stay healthy with all the traffic before the rollout is complete. */
  readonly bakeMs: number;
  /** How long open connections of a server that leaves may take to finish. */
  readonly drainMs: number;
  /** How long the old group is kept, out of traffic, for a rollback in one switch. 0: not at all. */
  readonly keepWarmMs: number;
  /** How long a rollout may go without a new highest number of ready servers. */
  readonly progressDeadlineMs: number;
  readonly onFailure: "rollback" | "stop";
}

/** What is done about the servers of a service once they run. Like the rollout, not part of a release. */
export interface UpkeepPolicy {
  readonly drift: DriftPolicy;
  /** Older servers are replaced, one by one, by others of the same release. Absent: they may grow as old as they like. */
  readonly maxAgeMs?: number | undefined;
}

export interface DriftPolicy {
  /** `quarantine`: as `replace`, but the server is kept, frozen, to be looked at. `report`: it stays as it is. */
  readonly response: "replace" | "quarantine" | "report";
  /** How many servers may be missing at once because they were taken out: a number, or a share of all (at least one). */
  readonly maxConcurrent: { readonly servers: number } | { readonly share: number };
  /** Kinds of drift that this service ignores: `full`, or with a pattern for the subject, `mount:/var/cache/*`. */
  readonly ignore: readonly string[];
}

/** What holds for services whose spec says nothing else. */
export const defaultUpkeep: UpkeepPolicy = {
  drift: { response: "replace", maxConcurrent: { share: 0.1 }, ignore: [] },
};
