import type { JobId, ReproductionId, ServerId, ServiceKey } from "./ids.ts";

/** What a platform sees: every group and server of ours, complete. */
export interface Observation {
  readonly groups: readonly GroupObservation[];
  /** Services that have a way in through the router, with or without servers. */
  readonly routed: readonly ServiceKey[];
  /** Where services are reached. Absent: the platform does not know. */
  readonly addresses?: readonly ServiceAddress[];
  /** Jobs, those that have ended among them for as long as their logs are kept. Absent: the platform runs none. */
  readonly jobs?: readonly JobObservation[];
  /** Absent: the platform makes none. */
  readonly reproductions?: readonly ReproductionObservation[];
  /** Problems of services that still serve for now. Absent: none is known. */
  readonly warnings?: readonly ServiceWarning[];
}

/** One address that a service is reached at. */
export interface ServiceAddress {
  readonly service: ServiceKey;
  /** As a person types it: `http://localhost:8080`, `https://shop.example.com`, `localhost:5432 (tcp)`. */
  readonly url: string;
  /** Whether it reaches the release that is previewed, and not those that have the traffic. Absent: it does not. */
  readonly preview?: boolean;
}

/** A problem that will, or may, cost a service its traffic unless a person solves it. */
export interface ServiceWarning {
  /** Undefined: it concerns all services of the platform. */
  readonly service: ServiceKey | undefined;
  /** One sentence each: what is wrong, and what to do about it. */
  readonly message: string;
  readonly hint: string | undefined;
}

/** One run of one job. */
export interface JobObservation {
  readonly id: JobId;
  readonly service: ServiceKey;
  readonly release: number;
  /** 0 for a run of no rollout. */
  readonly rollout: number;
  /** The number of such a run. */
  readonly run?: number | undefined;
  readonly name: string;
  /**
   * unstarted: a crash left its creation unfinished, and its command has certainly not begun; creating: on its way;
   * succeeded: it ended with exit code 0.
   */
  readonly state: "unstarted" | "creating" | "running" | "succeeded" | "failed";
  /** Of one that has ended. */
  readonly end: JobExit | undefined;
}

/** How a job has ended. */
export interface JobExit {
  /** Unix time in ms. */
  readonly atMs: number;
  /** Undefined when it is not known, or when the job could not be started. */
  readonly exitCode: number | undefined;
  /** The end of a sentence whose subject is the job: `exited with code 3 after 0.2 s`. */
  readonly reason: string;
  /** The last lines it wrote. */
  readonly logTail: readonly string[];
}

/** A server like another one, to look into: of no group, without traffic, never replaced. */
export interface ReproductionObservation {
  readonly id: ReproductionId;
  /** The server that it is like. */
  readonly reproduces: ServerId;
  readonly service: ServiceKey;
  readonly release: number;
  /** unstarted: a crash left its creation unfinished; ended: by itself, or it could not be started. */
  readonly state: "unstarted" | "creating" | "running" | "ended";
  readonly createdAtMs: number;
  readonly address: string | undefined;
  /** How it ended: `exited with code 3 after 0.2 s`. */
  readonly reason: string | undefined;
}

/** All servers of one release of one service. */
export interface GroupObservation {
  readonly service: ServiceKey;
  readonly release: number;
  /** What `resize` was last asked for; undefined when the platform has forgotten that, as one may for a new controller. */
  readonly size: number | undefined;
  /** The servers to be replaced in the last call of `resize`. Absent: none. */
  readonly replacing?: readonly ServerId[];
  /** Share of new traffic that the router gives this group, 0 to 1. */
  readonly share: number;
  /** Whether the preview port reaches this group. Absent: it does not. */
  readonly previewed?: boolean;
  /** Present servers: failed and destroyed ones are not among them. */
  readonly servers: readonly ServerObservation[];
  /** Servers that were given up and are not quite gone: being stopped, or kept for their logs. */
  readonly remains: readonly ServerId[];
  /** The newest failures, oldest first, as long as the group is there. */
  readonly failures: readonly ServerFailure[];
  /** How many servers of this group have failed in all, as far as is known. */
  readonly failed: number;
}

/** creating: not started; starting: started, not proven healthy (again); ready: healthy; draining: on its way out. */
export type ServerState = "creating" | "starting" | "ready" | "draining" | "quarantined";

export interface ServerObservation {
  readonly id: ServerId;
  /** The server in whose place this one is, while that one is still there. Absent: it is not known, or there is none. */
  readonly takesPlaceOf?: ServerId | undefined;
  readonly state: ServerState;
  /** When it came into this state (Unix time in ms). */
  readonly sinceMs: number;
  readonly createdAtMs: number;
  readonly address: string | undefined;
  /** Whether the router gives it new traffic now. */
  readonly inTraffic: boolean;
  /** The last health check's words, e.g. `GET / answered 500`. */
  readonly health: string | undefined;
}

/** Why a server was given up, with what helps to understand it. */
export interface ServerFailure {
  readonly id: ServerId;
  readonly release: number;
  /** How often the same server had been started again before, where a platform starts failed ones again in place. */
  readonly restart?: number | undefined;
  readonly atMs: number;
  /** `exited`: its process ended; `unready`: not healthy within its deadline; `not-created`: it could not be started. */
  readonly kind: "exited" | "unready" | "not-created";
  /** One sentence: `exited with code 1 after 0.2 s`, `was not ready within 5 min: GET / answered 500`. */
  readonly reason: string;
  /** No other server of its release can fare better: a program is missing, for one. Absent: another may. */
  readonly permanent?: boolean | undefined;
  /** The newest probe results, oldest first. */
  readonly probes: readonly string[];
  /** The last lines it wrote. */
  readonly logTail: readonly string[];
}
