import type { HealthCheck } from "./health-check.ts";
import type { VolumeSpec } from "./volume-spec.ts";

/** What every server of a release has. */
export interface ServerShape {
  /** Port that the process listens on, inside the server: of UDP if its traffic is, else of TCP. */
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
  /** Absolute paths below /dev of character devices of the machine, which servers have at the same path. Absent: none. */
  readonly devices?: readonly string[] | undefined;
}

/** A path below /dev that no server has anyway: runc(8) makes these, or they are file systems. */
export const devicePattern =
  /^\/dev\/(?!(?:null|zero|full|tty|random|urandom|console|ptmx|init|core|fd|stdin|stdout|stderr|pts|shm|mqueue)(?:\/|$))[A-Za-z0-9_][A-Za-z0-9._:+-]{0,60}(?:\/[A-Za-z0-9_][A-Za-z0-9._:+-]{0,60}){0,3}$/;

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
