import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { ServerFailure } from "../../domain/observation.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { GroupSpec } from "../contract/platform.ts";
import { type ClusterServer, Lives, type ServerFault } from "./cluster-server.ts";
import { seededChance } from "./seeded-chance.ts";
import type { FakeBehaviour } from "./world.ts";

/** What the engine keeps of one group, over every restart of a controller. */
export interface ClusterGroup {
  readonly service: ServiceKey;
  spec: GroupSpec;
  size: number;
  /** Newest last. `failedMs`: elapsed time of the clock. */
  readonly failures: (Omit<ServerFailure, "atMs" | "release"> & { readonly failedMs: number })[];
  failed: number;
}

export interface ClusterOptions {
  /** Decides ids and which events of a watch are lost. */
  readonly seed?: number;
  /** How long it takes until what has happened to servers is observed. */
  readonly lagMs?: number;
  /** From an accepted size until the engine acts on it. */
  readonly reactMs?: number;
  /** From a change of the servers that take traffic until every node has it. */
  readonly planeMs?: number;
}

const keptFailures = 5;

/**
 * The engine itself, with servers, groups and routes of its own, which outlive every controller. It gives servers random
 * ids, remembers sizes, starts failed servers again in place, and gives all ready servers of a release with a share the same traffic.
 */
export class FakeCluster {
  readonly clock: Clock;
  readonly lagMs: number;
  readonly planeMs: number;
  readonly groups = new Map<string, ClusterGroup>();
  readonly servers = new Map<ServerId, ClusterServer>();
  /** What was last observed of each server: as old as the lag. */
  readonly seen = new Map<ServerId, ClusterServer>();
  /** The releases that each routed service gives traffic to. */
  readonly routes = new Map<ServiceKey, ReadonlySet<number>>();
  /** The servers that take requests now. */
  readonly endpoints = new Map<ServiceKey, ReadonlySet<ServerId>>();
  readonly watchers = new Set<(service: ServiceKey) => void>();
  /** Open requests by server; 0 where absent. */
  readonly openRequests = new Map<ServerId, number>();
  /** More servers than this are refused. */
  quota = Number.POSITIVE_INFINITY;
  /** How many events of a watch get lost, 0 to 1. */
  lossiness = 0.3;
  readonly #reactMs: number;
  readonly #chance: () => number;
  readonly #behaviours = new Map<string, FakeBehaviour>();
  readonly #lives: Lives;
  #addresses = 0;

  constructor(clock: Clock, { seed = 1, lagMs = 80, reactMs = 50, planeMs = 40 }: ClusterOptions = {}) {
    this.clock = clock;
    this.lagMs = lagMs;
    this.planeMs = planeMs;
    this.#reactMs = reactMs;
    this.#chance = seededChance(seed);
    this.#lives = new Lives(clock, {
      behaviourOf: (server) => this.behaviourOf(server),
      onChange: (server) => this.#changed(server),
      onFault: (server, fault) => this.failed(server, fault),
    });
  }

  /** `who`: a group (`shop-2`), a service, or `*`; the most specific setting counts. */
  behave(who: string, behaviour: FakeBehaviour): void {
    this.#behaviours.set(who, behaviour);
  }

  behaviourOf({ service, release }: ClusterServer): FakeBehaviour {
    const found = [`${service}-${release.number}`, service, "*"].find((who) => this.#behaviours.has(who));
    return this.#behaviours.get(found ?? "") ?? {};
  }

  /** Accepted at once, carried out later. Throws `quota_exceeded` for more servers than there may be. */
  accept(spec: GroupSpec, size: number): void {
    const { service, number } = spec.release;
    const key = `${service}-${number}`;
    const known = this.groups.get(key);
    if (known === undefined && size === 0) return;
    this.#requireRoom(size - (known?.size ?? 0));
    const group = known ?? { service, spec, size, failures: [], failed: 0 };
    this.groups.set(key, Object.assign(group, { spec, size }));
    this.#later(group);
  }

  /** Resolves when every node has it. */
  async select(service: ServiceKey, releases: ReadonlySet<number>): Promise<void> {
    if (releases.size === 0) this.routes.delete(service);
    else this.routes.set(service, releases);
    await this.#spread(service);
  }

  groupOf({ service, release }: ClusterServer): ClusterGroup | undefined {
    return this.groups.get(`${service}-${release.number}`);
  }

  serversOf({ service, spec }: ClusterGroup): readonly ClusterServer[] {
    const { number } = spec.release;
    return [...this.servers.values()].filter((s) => s.service === service && s.release.number === number);
  }

  /** Out of traffic on every node, its open requests finished, stopped, gone. */
  async drain(server: ClusterServer): Promise<void> {
    if (server.state === "draining" || !this.servers.has(server.id)) return;
    const group = this.groupOf(server);
    const drainMs = group?.spec.drainMs ?? 0;
    this.#lives.leave(server);
    if (group !== undefined) this.#later(group);
    await this.clock.sleep(this.planeMs);
    const endMs = this.clock.elapsed() + drainMs;
    while ((this.openRequests.get(server.id) ?? 0) > 0 && this.clock.elapsed() < endMs)
      await this.clock.sleep(100);
    await this.clock.sleep(this.behaviourOf(server).stopMs ?? 0);
    this.remove(server);
  }

  remove(server: ClusterServer): void {
    if (!this.servers.delete(server.id)) return;
    this.#lives.end(server);
    this.#changed(server);
    const group = this.groupOf(server);
    if (group !== undefined) this.#later(group);
  }

  /** Ends a server's process from outside. */
  exit(id: ServerId, code: number): void {
    const server = this.servers.get(id);
    if (server !== undefined) this.#lives.exit(server, code);
  }

  /** One request: the server that answers it well, or undefined when it is lost. A refused connection is tried elsewhere. */
  request(service: ServiceKey, turn = 0): ClusterServer | undefined {
    const targets = [...(this.endpoints.get(service) ?? [])].flatMap((id) => this.servers.get(id) ?? []);
    for (let i = 0; i < targets.length; i++) {
      const server = targets[(turn + i) % targets.length];
      if (server?.process !== "running") continue;
      return this.#lives.answers(server).ok ? server : undefined;
    }
    return undefined;
  }

  /** Whether this server would answer a request well, now. */
  answers(id: ServerId): boolean {
    const server = this.servers.get(id);
    return server !== undefined && this.#lives.answers(server).ok;
  }

  #requireRoom(more: number): void {
    const sizes = [...this.groups.values()].reduce((sum, { size }) => sum + size, 0);
    if (more <= 0 || sizes + more <= this.quota) return;
    throw new KilnError(
      "quota_exceeded",
      `The quota is ${this.quota} servers: ${sizes} are asked for already, and ${more} more were to come.`,
      { hint: "Raise the quota, lower `count`, or choose a strategy with a smaller surge." },
    );
  }

  #later(group: ClusterGroup): void {
    void this.clock.sleep(this.#reactMs).then(() => this.#reconcile(group));
  }

  #reconcile(group: ClusterGroup): void {
    const { size, spec } = group;
    const beside = new Set(spec.replacing);
    const live = this.serversOf(group).filter((s) => s.state !== "draining" && !beside.has(s.id));
    // Those that are not ready go first, then those that became ready last: the others have their traffic for certain.
    const worstFirst = live.toSorted(
      (a, b) => Number(a.state === "ready") - Number(b.state === "ready") || b.sinceMs - a.sinceMs,
    );
    for (const server of worstFirst.slice(0, Math.max(0, live.length - size))) void this.drain(server);
    for (let i = live.length; i < size; i++) this.#create(spec.release);
    if (size > 0 || this.serversOf(group).length > 0) return;
    this.groups.delete(`${group.service}-${spec.release.number}`);
    this.#tell(group.service);
  }

  #create(release: Release): void {
    const id = `i-${Array.from({ length: 10 }, () => Math.floor(this.#chance() * 36).toString(36)).join("")}`;
    const n = ++this.#addresses;
    const server = this.#lives.begin({ id, release, address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` });
    this.servers.set(id, server);
  }

  protected failed(server: ClusterServer, { kind, reason, probes, restart }: ServerFault): void {
    const group = this.groupOf(server);
    if (group === undefined) return;
    const logTail = server.lines.slice(-20);
    const failedMs = this.clock.elapsed();
    group.failures.push({ id: server.id, restart, failedMs, kind, reason, probes, logTail });
    group.failures.splice(0, group.failures.length - keptFailures);
    group.failed++;
  }

  /** The data plane has it after a moment, and observers see it after another one. */
  #changed(server: ClusterServer): void {
    void this.#spread(server.service);
    const copy = this.servers.has(server.id) ? { ...server } : undefined;
    void this.clock.sleep(this.lagMs).then(() => {
      if (copy === undefined) this.seen.delete(server.id);
      else this.seen.set(server.id, copy);
      this.#tell(server.service);
    });
  }

  async #spread(service: ServiceKey): Promise<void> {
    await this.clock.sleep(this.planeMs);
    const releases = this.routes.get(service);
    const takers = [...this.servers.values()].filter(
      (s) => s.service === service && s.state === "ready" && releases?.has(s.release.number),
    );
    this.endpoints.set(service, new Set(takers.map(({ id }) => id)));
  }

  #tell(service: ServiceKey): void {
    if (this.#chance() < this.lossiness) return;
    for (const changed of this.watchers) changed(service);
  }
}
