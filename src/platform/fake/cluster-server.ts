import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { ServerFailure } from "../../domain/observation.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { FakeBehaviour } from "./world.ts";

/** A server of a fake engine. Times are elapsed time of its clock. */
export interface ClusterServer {
  readonly id: ServerId;
  readonly service: ServiceKey;
  readonly release: Release;
  readonly address: string;
  readonly createdMs: number;
  state: "creating" | "starting" | "ready" | "draining";
  sinceMs: number;
  /** Whether its process runs; the exit code of one that has ended. */
  process: "none" | "running" | { readonly code: number };
  startedMs: number;
  /** The newest check's words. */
  health: string | undefined;
  readonly lines: string[];
}

/** Why a server is started again. */
export type ServerFault = Pick<ServerFailure, "kind" | "reason" | "probes"> & { readonly restart: number };

export interface LivesOptions {
  readonly behaviourOf: (server: ClusterServer) => FakeBehaviour;
  /** Called when its state or that of its process has changed. */
  readonly onChange: (server: ClusterServer) => void;
  readonly onFault: (server: ClusterServer, fault: ServerFault) => void;
}

/** Between the checks of a server that is not ready yet. */
const eagerMs = 100;
const longestBackOffMs = 60_000;

/** How servers of a fake engine live: started, checked, and started again in place when they fail. */
export class Lives {
  readonly #clock: Clock;
  readonly #o: LivesOptions;
  /** Wakes a server's life before its next check is due. */
  readonly #wakes = new Map<ServerId, AbortController>();

  constructor(clock: Clock, options: LivesOptions) {
    this.#clock = clock;
    this.#o = options;
  }

  begin({ id, release, address }: Pick<ClusterServer, "id" | "release" | "address">): ClusterServer {
    const now = this.#clock.elapsed();
    const server: ClusterServer = {
      ...{ id, service: release.service, release, address, createdMs: now, startedMs: now, sinceMs: now },
      ...{ state: "creating", process: "none", health: undefined, lines: [] },
    };
    void this.#live(server);
    return server;
  }

  /** Its process keeps running; the engine no longer checks it. */
  leave(server: ClusterServer): void {
    this.#become(server, "draining");
    this.#wakes.get(server.id)?.abort();
  }

  end(server: ClusterServer): void {
    server.state = "draining";
    server.process = "none";
    this.#wakes.get(server.id)?.abort();
  }

  exit(server: ClusterServer, code: number): void {
    if (server.process !== "running") return;
    server.process = { code };
    this.#wakes.get(server.id)?.abort();
  }

  answers(server: ClusterServer): { readonly ok: boolean; readonly words: string } {
    const { readyMs = 0, status = 200, answerMs = 0 } = this.#o.behaviourOf(server);
    const upMs = this.#clock.elapsed() - server.startedMs;
    if (server.process !== "running" || upMs < readyMs) return { ok: false, words: "connection refused" };
    if (answerMs >= server.release.health.timeoutMs) return { ok: false, words: "no answer in time" };
    return { ok: status < 400, words: `GET / answered ${status}` };
  }

  async #live(server: ClusterServer): Promise<void> {
    await Promise.resolve(); // until it is one of its group
    for (let restart = 0; server.state !== "draining"; restart++) {
      this.#become(server, "creating");
      const fault = (await this.#start(server)) ?? (await this.#check(server));
      if (fault === undefined) return;
      server.process = "none";
      this.#become(server, "creating");
      this.#o.onFault(server, { ...fault, restart });
      await this.#pause(server, restart === 0 ? 0 : Math.min(longestBackOffMs, 500 * 2 ** restart));
    }
  }

  async #start(server: ClusterServer): Promise<Omit<ServerFault, "restart"> | undefined> {
    const { startMs = 0, createError, lines = [], exitAfterMs } = this.#o.behaviourOf(server);
    await this.#pause(server, startMs);
    if (createError !== undefined) return { kind: "not-created", reason: createError.message, probes: [] };
    if (server.state === "draining") return undefined;
    server.process = "running";
    server.startedMs = this.#clock.elapsed();
    server.lines.push(...lines);
    this.#become(server, "starting");
    if (exitAfterMs !== undefined) this.#exitLater(server, exitAfterMs);
    return undefined;
  }

  #exitLater(server: ClusterServer, afterMs: number): void {
    const { startedMs } = server;
    const { exitCode = 1 } = this.#o.behaviourOf(server);
    void this.#clock.sleep(afterMs).then(() => {
      if (server.startedMs === startedMs) this.exit(server, exitCode);
    });
  }

  /** Checks it until it fails; undefined: it leaves. */
  async #check(server: ClusterServer): Promise<Omit<ServerFault, "restart"> | undefined> {
    const { intervalMs, ready, unready, deadlineMs } = server.release.health;
    const probes: string[] = [];
    let row = 0;
    for (;;) {
      if (server.state === "draining") return undefined;
      if (typeof server.process === "object") return exited(server.process.code, probes);
      const { ok, words } = this.answers(server);
      const isReady = server.state === "ready";
      server.health = words;
      probes.splice(0, probes.length - 4);
      probes.push(words);
      row = ok === isReady ? 0 : row + 1;
      if (row >= (isReady ? unready : ready)) this.#become(server, isReady ? "starting" : "ready");
      if (server.state === "starting" && this.#clock.elapsed() - server.sinceMs >= deadlineMs)
        return { kind: "unready", reason: `was not ready within ${deadlineMs / 1000} s: ${words}`, probes };
      await this.#pause(server, isReady ? intervalMs : Math.min(eagerMs, intervalMs));
    }
  }

  #become(server: ClusterServer, state: ClusterServer["state"]): void {
    if (server.state === "draining") return;
    if (server.state !== state) server.sinceMs = this.#clock.elapsed();
    server.state = state;
    this.#o.onChange(server);
  }

  async #pause(server: ClusterServer, ms: number): Promise<void> {
    const wake = new AbortController();
    this.#wakes.set(server.id, wake);
    await this.#clock.sleep(ms, wake.signal).catch(() => {});
  }
}

function exited(code: number, probes: readonly string[]): Omit<ServerFault, "restart"> {
  return { kind: "exited", reason: `exited with code ${code}`, probes };
}
