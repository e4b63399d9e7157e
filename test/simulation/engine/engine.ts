import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import type { Release } from "../../../src/domain/rollout/release.ts";
import type { Clock } from "../../../src/lib/time/clock.ts";
import { FakeCluster } from "../../../src/platform/fake/cluster.ts";
import type { ClusterServer, ServerFault } from "../../../src/platform/fake/cluster-server.ts";
import { isBad, isQuality, type Nature, natureOf, oddities, type Quality } from "../nature.ts";
import type { Random } from "../random.ts";

export type Affliction = "error" | "hang";

const hangMs = 60_000;

/** The engine of a simulation: its servers have natures of their own, decided by the seed alone. */
export class Engine extends FakeCluster {
  readonly #random: Random;
  readonly #qualities = new Map<string, Quality>();
  readonly #natures = new Map<ServerId, Nature>();
  readonly #afflictions = new Map<ServerId, Affliction>();
  /** Hears of each server that has to leave, while it still has its traffic. */
  onDrain: (server: ClusterServer) => void = () => {};
  /** Until then (real time) the traffic stays where it is, whatever is asked. */
  deafUntilMs = 0;
  #haunted = true;

  constructor(time: Clock, random: Random) {
    super(time, {
      seed: random.int(1, 2 ** 31),
      // What is seen of servers is at least as old as what the data plane has.
      ...random.pick([
        { lagMs: 80, reactMs: 50, planeMs: 40 },
        { lagMs: 500, reactMs: 20, planeMs: 400 },
        { lagMs: 3_000, reactMs: 600, planeMs: 100 },
      ]),
    });
    this.lossiness = random.pick([0.3, 0.8, 1]);
    this.#random = random;
  }

  /** Learns what a release is like: its environment tells. */
  meet({ service, number, shape }: Release): void {
    const quality = shape.env.QUALITY;
    if (isQuality(quality)) this.#qualities.set(`${service}-${number}`, quality);
  }

  qualityOf(service: ServiceKey, release: number): Quality {
    return this.#qualities.get(`${service}-${release}`) ?? "good";
  }

  afflict(id: ServerId, how: Affliction): void {
    this.#afflictions.set(id, how);
  }

  /** Faults of single servers stop; a bad release stays one. */
  heal(): void {
    this.#haunted = false;
    this.#afflictions.clear();
    this.openRequests.clear();
    this.quota = Number.POSITIVE_INFINITY;
    this.deafUntilMs = 0;
    for (const [id, { quality }] of this.#natures) {
      const server = this.servers.get(id);
      if (server === undefined || quality !== this.#qualityOf(server)) this.#natures.delete(id);
    }
  }

  override behaviourOf(server: ClusterServer): Nature {
    const nature = this.#natureOf(server);
    const affliction = this.#afflictions.get(server.id);
    if (affliction === "hang") return { ...nature, answerMs: hangMs };
    const upMs = this.clock.elapsed() - server.startedMs - nature.readyMs;
    return affliction === "error" || isBad(nature, upMs) ? { ...nature, status: 500 } : nature;
  }

  /** Requests that are open when a server leaves keep it for a while. */
  override async drain(server: ClusterServer): Promise<void> {
    if (server.state === "ready") {
      this.onDrain(server);
      const random = this.#random.fork(`open ${server.id}`);
      if (this.#haunted && random.chance(0.5)) {
        this.openRequests.set(server.id, 1);
        void this.clock.sleep(random.int(1, 20_000)).then(() => this.openRequests.delete(server.id));
      }
    }
    await super.drain(server);
  }

  override async select(service: ServiceKey, releases: ReadonlySet<number>): Promise<void> {
    if (this.clock.now() >= this.deafUntilMs) return super.select(service, releases);
    await this.clock.sleep(this.planeMs);
  }

  /** It is started again, another one in all but its id. */
  protected override failed(server: ClusterServer, fault: ServerFault): void {
    this.#natures.delete(server.id);
    this.#afflictions.delete(server.id);
    super.failed(server, fault);
  }

  #natureOf(server: ClusterServer): Nature {
    const known = this.#natures.get(server.id);
    if (known !== undefined) return known;
    const random = this.#random.fork(`${server.id} ${this.clock.elapsed()}`);
    const odd = this.#haunted && random.chance(0.06);
    const nature = natureOf(odd ? random.weighted(oddities) : this.#qualityOf(server), random);
    this.#natures.set(server.id, nature);
    return nature;
  }

  #qualityOf({ service, release }: ClusterServer): Quality {
    return this.qualityOf(service, release.number);
  }
}
