import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { ServiceWarning } from "../../domain/observation.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { Snapshot, VolumeKey } from "../../domain/volume.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { RoutedService, UpstreamCounts } from "../../router/router.ts";
import type { HostServer, HostTrouble } from "../fleet/host.ts";
import { parseJobId, parseServerId } from "../fleet/server-id.ts";

/** A volume in memory: its data is the ids of the servers that had it. */
export interface FakeVolume extends VolumeKey {
  readonly createdAtMs: number;
  data: readonly string[];
  release: number;
  readonly snapshots: (Snapshot & { readonly data: readonly string[] })[];
}

/** How a fake server behaves; every part has a harmless default. */
export interface FakeBehaviour {
  /** How long its creation takes. */
  readonly startMs?: number;
  /** Its creation throws this. */
  readonly createError?: KilnError;
  /** From the start of its process until it answers; connections are refused before. `Infinity`: never. */
  readonly readyMs?: number;
  /** From the start of its process until that ends by itself. */
  readonly exitAfterMs?: number;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  /** HTTP status of its answers; 200 by default. */
  readonly status?: number;
  /** How long each answer takes. */
  readonly answerMs?: number;
  /** How long it takes to stop. */
  readonly stopMs?: number;
  /** What it writes when it starts. */
  readonly lines?: readonly string[];
}

/** One thing that a fake host or router is asked to do. */
export interface FakeCall {
  readonly part: "host" | "router";
  readonly operation: string;
  /** A server or service; undefined for calls about everything. */
  readonly subject: string | undefined;
}

/** `fail`: throws and does nothing. `lose`: does it, and throws all the same. */
export type FakeFault = "none" | "fail" | "lose";

/** A server of the fake host, with what only the test sees. */
export interface FakeServer {
  record: HostServer;
  readonly release: Release;
  startedMs: number;
  /** Stopped or destroyed: its address may go to another server. A process that ends by itself keeps it. */
  released: boolean;
  readonly lines: { readonly atMs: number; readonly text: string }[];
}

/** The machine on which fake host, router and prober stand. It outlives the controllers that use it. */
export class FakeWorld {
  readonly clock: Clock;
  readonly servers = new Map<ServerId, FakeServer>();
  readonly volumes: FakeVolume[] = [];
  readonly routes = new Map<ServiceKey, RoutedService>();
  /** Open requests by server; 0 where absent. */
  readonly openRequests = new Map<ServerId, number>();
  /** What the router has counted for a server. */
  readonly counts = new Map<ServerId, UpstreamCounts>();
  /** Connections without an end of their own, by server: the moments at which the router would close them, 0 to 1. */
  readonly longConnections = new Map<ServerId, readonly number[]>();
  /** What the router warns of. */
  readonly warnings: ServiceWarning[] = [];
  /** What is wrong with what all servers of the host share. */
  readonly troubles: HostTrouble[] = [];
  /** Ports that another program listens on. */
  readonly takenPorts = new Set<number>();
  /** Images that are gone. */
  readonly missingImages = new Set<string>();
  /** How long the host takes to list its servers: its answer is as old as that. */
  listMs = 0;
  /** Every call so far, in order. */
  readonly calls: FakeCall[] = [];
  /** Decides on every call; a simulation's source of faults. */
  fault: (call: FakeCall) => FakeFault = () => "none";
  /** How often the process of each server or job has been started. */
  readonly starts = new Map<ServerId, number>();
  readonly ended = new Set<(id: ServerId) => void>();
  readonly #behaviours = new Map<string, FakeBehaviour>();
  readonly #planned: { operation: string; fault: FakeFault; times: number }[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** `who`: a server id, a group (`shop-2`), a service, the name of a job, or `*`; the most specific setting counts. Takes effect at once. */
  behave(who: string, behaviour: FakeBehaviour): void {
    this.#behaviours.set(who, behaviour);
  }

  behaviourOf(id: ServerId): FakeBehaviour {
    const name = parseServerId(id);
    const job = parseJobId(id)?.name ?? id;
    const names = name === undefined ? [id, job] : [id, `${name.service}-${name.release}`, name.service];
    const found = [...names, "*"].find((who) => this.#behaviours.has(who));
    return (found === undefined ? undefined : this.#behaviours.get(found)) ?? {};
  }

  /** The next `times` calls of this operation (`list`, `create`, `apply`, ...; `host.observe` names one part) fail. */
  failNext(operation: string, times = 1, fault: FakeFault = "fail"): void {
    this.#planned.push({ operation, fault, times });
  }

  /** Runs one operation of a fake part, with the fault that befalls it. */
  async perform<T>(call: FakeCall, signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    this.calls.push(call);
    signal.throwIfAborted();
    const fault = this.#faultOf(call);
    if (fault === "fail") throw faultError(call);
    const result = await work();
    if (fault === "lose") throw faultError(call);
    return result;
  }

  /** Ends a server's process from outside. */
  exit(id: ServerId, code: number | undefined, oomKilled = false): void {
    const server = this.servers.get(id);
    if (server === undefined || server.record.state !== "running") return;
    const exit = { code, atMs: this.clock.now(), oomKilled };
    server.record = { ...server.record, state: "exited", exit };
    for (const callback of [...this.ended]) callback(id);
  }

  /** The machine restarts: every process is gone, and so is the router. */
  restartMachine(): void {
    for (const server of this.servers.values()) {
      if (server.record.state === "running") {
        const exit = { code: undefined, atMs: this.clock.now(), oomKilled: false };
        server.record = { ...server.record, state: "exited", exit };
      }
      server.released = true;
    }
    this.routes.clear();
    this.openRequests.clear();
  }

  /** Whether the server would answer a request now, in words for people. */
  answer(id: ServerId): { readonly ok: boolean; readonly words: string } {
    const server = this.servers.get(id);
    if (server?.record.state !== "running") return { ok: false, words: "connection refused" };
    const { readyMs = 0, status = 200 } = this.behaviourOf(id);
    if (this.clock.elapsed() - server.startedMs < readyMs) return { ok: false, words: "connection refused" };
    return { ok: status < 400, words: `answered ${status}` };
  }

  /**
   * One request through the router: the server that answers it well, or undefined when it is lost. As a real router
   * does, it continues with the next target when one refuses the connection; an error that a server answers stays one.
   */
  request(service: ServiceKey, turn = 0): ServerId | undefined {
    const targets = (this.routes.get(service)?.upstreams ?? []).filter((t) => t.weight > 0);
    for (let i = 0; i < targets.length; i++) {
      const target = targets[(turn + i) % targets.length];
      const holder = [...this.servers.values()].find(
        ({ record }) => record.state === "running" && record.address === target?.address,
      );
      if (holder === undefined) continue;
      if (holder.record.id !== target?.id) return undefined; // the address has gone to another server
      const { ok, words } = this.answer(holder.record.id);
      if (ok) return holder.record.id;
      if (words !== "connection refused") return undefined;
    }
    return undefined;
  }

  #faultOf(call: FakeCall): FakeFault {
    const planned = this.#planned.find(
      (p) =>
        p.times > 0 && (p.operation === call.operation || p.operation === `${call.part}.${call.operation}`),
    );
    if (planned === undefined) return this.fault(call);
    planned.times--;
    return planned.fault;
  }
}

function faultError({ part, operation, subject }: FakeCall): KilnError {
  return new KilnError(
    "internal",
    `The fake ${part} failed at ${operation}${subject ? ` of ${subject}` : ""}.`,
  );
}
