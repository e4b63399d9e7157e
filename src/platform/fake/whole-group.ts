import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { GroupObservation, Observation, ServerObservation } from "../../domain/observation.ts";
import type { Shares } from "../../domain/rollout/actions.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { KilnError } from "../../lib/errors.ts";
import { type Clock, momentOf } from "../../lib/time/clock.ts";
import type { Call } from "../contract/call.ts";
import type { GroupSpec, Platform } from "../contract/platform.ts";
import type { Readiness } from "../contract/readiness.ts";
import type { ClusterGroup, FakeCluster } from "./cluster.ts";
import type { ClusterServer } from "./cluster-server.ts";

/**
 * A platform that is nothing like a fleet: an engine with groups of its own, as an orchestrator or a cloud has them. It
 * keeps the contract by other means than the fleet, so that nothing of the fleet becomes part of the contract.
 */
export class WholeGroup implements Platform, AsyncDisposable {
  readonly name = "fake";
  readonly split = "servers";
  readonly #cluster: FakeCluster;
  readonly #clock: Clock;
  readonly #watching = new Set<(service: ServiceKey) => void>();

  /** `clock`: the controller's; moments are reported in its time. */
  constructor(cluster: FakeCluster, clock: Clock = cluster.clock) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  async probe(): Promise<Readiness> {
    return { usable: true, gaps: [], facts: ["an engine with groups of its own, in memory"] };
  }

  /** What was asked for is observed at once, and so is that a group is gone; what has become of servers, some moments later. */
  async observe({ signal }: Call): Promise<Observation> {
    signal.throwIfAborted();
    const { groups, routes } = this.#cluster;
    const shown = [...groups.values()].map((group) => this.#observed(group));
    const empty = [...routes].flatMap(([service, releases]) =>
      [...releases]
        .filter((release) => !groups.has(`${service}-${release}`))
        .map((release) => this.#emptyGroup(service, release)),
    );
    const addresses = [...routes.keys()].map((service) => ({ service, url: `http://${service}.fake` }));
    return { groups: [...shown, ...empty], routed: [...routes.keys()], addresses };
  }

  async resize(group: GroupSpec, size: number, { signal }: Call): Promise<void> {
    signal.throwIfAborted();
    this.#cluster.accept(group, size);
  }

  async route(
    service: ServiceKey,
    shares: Shares,
    _releases: readonly Release[],
    { signal }: Call,
  ): Promise<void> {
    signal.throwIfAborted();
    const releases = new Set(shares.filter(({ share }) => share > 0).map(({ release }) => release));
    if (releases.size > 0) this.#requireReady(service, releases);
    await this.#cluster.select(service, releases);
  }

  async retire(server: ServerId, { signal }: Call): Promise<void> {
    signal.throwIfAborted();
    const found = this.#cluster.servers.get(server);
    if (found !== undefined) void this.#cluster.drain(found);
  }

  async destroy(server: ServerId, { signal }: Call): Promise<void> {
    signal.throwIfAborted();
    const found = this.#cluster.servers.get(server);
    if (found !== undefined) this.#cluster.remove(found);
  }

  watch(changed: (service: ServiceKey) => void): Disposable {
    const watcher = (service: ServiceKey) => changed(service);
    const { watchers } = this.#cluster;
    watchers.add(watcher);
    this.#watching.add(watcher);
    return { [Symbol.dispose]: () => void watchers.delete(watcher) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watcher of this.#watching) this.#cluster.watchers.delete(watcher);
  }

  #requireReady(service: ServiceKey, releases: ReadonlySet<number>): void {
    const ready = [...this.#cluster.servers.values()].filter(
      (s) => s.service === service && s.state === "ready",
    );
    const now = this.#cluster.routes.get(service);
    if (ready.some((s) => releases.has(s.release.number))) return;
    if (!ready.some((s) => now?.has(s.release.number))) return;
    throw new KilnError(
      "server_failed",
      `No server of ${service} that is to have the traffic is ready any more: the traffic stays where it is.`,
      { retry: true },
    );
  }

  #observed(group: ClusterGroup): GroupObservation {
    const { service, size, spec, failures, failed } = group;
    const release = spec.release.number;
    const servers = this.#seen(service).filter((s) => s.release.number === release);
    // A group that goes is there until its last server is gone, also one that no look has shown yet.
    const unseen = this.#cluster.serversOf(group).filter(({ id }) => !this.#cluster.seen.has(id));
    const replacing = spec.replacing === undefined ? {} : { replacing: spec.replacing };
    return {
      ...{ service, release, size, ...replacing, share: this.#share(service, release) },
      servers: servers.map((server) => this.#observedServer(server)),
      remains: size === 0 ? unseen.map(({ id }) => id) : [],
      failures: failures.map(({ failedMs, ...rest }) => ({
        ...rest,
        release,
        atMs: momentOf(this.#clock, failedMs),
      })),
      failed,
    };
  }

  #emptyGroup(service: ServiceKey, release: number): GroupObservation {
    const share = this.#share(service, release);
    return { service, release, size: 0, share, servers: [], remains: [], failures: [], failed: 0 };
  }

  #observedServer(server: ClusterServer): ServerObservation {
    const { id, service, release, state, address, health } = server;
    const { routes } = this.#cluster;
    return {
      ...{ id, state, address, health },
      sinceMs: momentOf(this.#clock, server.sinceMs),
      createdAtMs: momentOf(this.#clock, server.createdMs),
      inTraffic: state === "ready" && (routes.get(service)?.has(release.number) ?? false),
    };
  }

  #seen(service: ServiceKey): readonly ClusterServer[] {
    return [...this.#cluster.seen.values()].filter((s) => s.service === service);
  }

  /** The part of the ready servers with traffic that are of this release; where none is ready, all releases have the same part. */
  #share(service: ServiceKey, release: number): number {
    const releases = this.#cluster.routes.get(service);
    if (!releases?.has(release)) return 0;
    const takers = this.#seen(service).filter((s) => s.state === "ready" && releases.has(s.release.number));
    if (takers.length === 0) return 1 / releases.size;
    return takers.filter((s) => s.release.number === release).length / takers.length;
  }
}
