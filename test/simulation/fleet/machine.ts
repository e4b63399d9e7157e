import type { JobId, ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import type { Release } from "../../../src/domain/rollout/release.ts";
import type { Clock } from "../../../src/lib/time/clock.ts";
import { type FakeServer, FakeWorld } from "../../../src/platform/fake/world.ts";
import { jobId, parseJobId, parseServerId } from "../../../src/platform/fleet/server-id.ts";
import type { Upstream } from "../../../src/router/router.ts";
import {
  isBad,
  isJobQuality,
  isQuality,
  jobNatureOf,
  type Nature,
  natureOf,
  oddities,
  type Quality,
} from "../nature.ts";
import type { Random } from "../random.ts";

export type Affliction = "error" | "hang";

const hangMs = 60_000;

/** The machine of a simulation: a fake world whose servers have natures of their own, decided by the seed alone. */
export class Machine extends FakeWorld {
  /** Time as it really passes, whatever the machine's clock shows. */
  readonly time: Clock;
  readonly #random: Random;
  readonly #qualities = new Map<string, Quality>();
  readonly #natures = new Map<ServerId, Nature>();
  readonly #afflictions = new Map<ServerId, Affliction>();
  readonly #born = new WeakMap<FakeServer, number>();
  readonly vanished = new Set<ServerId>();
  /** The first word of each job's command, by service, release and name. */
  readonly #commands = new Map<string, string | undefined>();
  /** How jobs have ended, whoever knows of it. */
  readonly jobExits = new Map<JobId, number | undefined>();
  /** Servers with traffic that have lost it: when that was (real time). */
  readonly outSince = new Map<ServerId, number>();
  /** When servers last got traffic that had none (real time). */
  readonly inSince = new Map<ServerId, number>();
  /** Single servers behave worse than their release; false once the faults have stopped. */
  haunted = true;

  /** `clock`: what the machine's clock shows; `time`: real time. */
  constructor(clock: Clock, time: Clock, random: Random) {
    super(clock);
    this.time = time;
    this.#random = random;
  }

  /** Learns what a release is like: its environment tells. */
  meet({ service, number, shape, jobs }: Release): void {
    for (const { name, command } of jobs) this.#commands.set(`${service}-${number}_${name}`, command[0]);
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
    this.haunted = false;
    this.#afflictions.clear();
    this.openRequests.clear();
    for (const [id, nature] of this.#natures) {
      const { service, release } = parts(id);
      if (nature.quality !== this.qualityOf(service, release)) this.#natures.set(id, this.#natureBy(id));
    }
  }

  nature(id: ServerId): Nature {
    const known = this.#natures.get(id);
    if (known !== undefined) return known;
    const nature = this.#natureBy(id);
    this.#natures.set(id, nature);
    return nature;
  }

  override behaviourOf(id: ServerId): Nature {
    const nature = this.nature(id);
    return this.#afflictions.get(id) === "hang" ? { ...nature, answerMs: hangMs } : nature;
  }

  override answer(id: ServerId): { readonly ok: boolean; readonly words: string } {
    const server = this.servers.get(id);
    if (server?.record.state !== "running") return { ok: false, words: "connection refused" };
    if (server.record.quarantinedAtMs !== undefined) return { ok: false, words: "no answer" };
    const nature = this.nature(id);
    const upMs = this.time.now() - this.#bornAt(server) - nature.readyMs;
    if (upMs < 0) return { ok: false, words: "connection refused" };
    const bad = this.#afflictions.get(id) === "error" || isBad(nature, upMs);
    return bad ? { ok: false, words: "answered 500" } : { ok: true, words: "answered 200" };
  }

  override exit(id: ServerId, code: number | undefined, oomKilled = false): void {
    if (parseJobId(id) !== undefined && this.isRunning(id)) this.jobExits.set(id, code);
    super.exit(id, code, oomKilled);
  }

  runningJobs(service: ServiceKey): readonly JobId[] {
    return this.running().filter((id) => parseJobId(id)?.service === service);
  }

  /** Whether the job did its work in this rollout. */
  hasSucceeded(job: Parameters<typeof jobId>[0]): boolean {
    return this.jobExits.get(jobId(job)) === 0;
  }

  /** Whether a request to this server would be answered well, now. */
  answers(id: ServerId): boolean {
    return this.#afflictions.get(id) !== "hang" && this.answer(id).ok;
  }

  /** The host forgets it, process and all; its address is free at once. */
  vanish(id: ServerId): void {
    this.servers.delete(id);
    this.vanished.add(id);
  }

  isRunning(id: ServerId): boolean {
    return this.servers.get(id)?.record.state === "running";
  }

  running(): readonly ServerId[] {
    return [...this.servers.keys()].filter((id) => this.isRunning(id));
  }

  takers(service: ServiceKey): readonly Upstream[] {
    return (this.routes.get(service)?.upstreams ?? []).filter((t) => t.weight > 0);
  }

  weightOf(id: ServerId): number {
    const targets = this.routes.get(parts(id).service)?.upstreams ?? [];
    return targets.find((t) => t.id === id)?.weight ?? 0;
  }

  /** Who has the target's address now, if it runs. */
  holderOf({ address }: Upstream): ServerId | undefined {
    for (const { record } of this.servers.values()) {
      if (record.state === "running" && record.address === address) return record.id;
    }
    return undefined;
  }

  /** The router has changed: whoever lost its traffic may have requests open, for a while. */
  trafficChanged(service: ServiceKey, before: readonly Upstream[]): void {
    const now = new Set(this.takers(service).map((t) => t.id));
    for (const id of now) {
      this.outSince.delete(id);
      if (!before.some((t) => t.id === id)) this.inSince.set(id, this.time.now());
    }
    for (const { id } of before) if (!now.has(id)) this.#loseTraffic(id);
  }

  #loseTraffic(id: ServerId): void {
    this.outSince.set(id, this.time.now());
    const random = this.#random.fork(`open ${id}`);
    if (!this.haunted || random.chance(0.5)) return;
    this.openRequests.set(id, random.int(1, 3));
    void this.time.sleep(random.int(1, 20_000)).then(() => this.openRequests.delete(id));
  }

  /** Some requests have come since the router was last asked: a server that does not answer has failed them. */
  countRequests(service: ServiceKey): void {
    for (const { id } of this.takers(service)) {
      const { requests = 0, errors = 0 } = this.counts.get(id) ?? {};
      const bad = this.answers(id) ? 0 : 5;
      this.counts.set(id, { id, requests: requests + 5, errors: errors + bad, latency: [requests + 5] });
    }
  }

  #bornAt(server: FakeServer): number {
    const known = this.#born.get(server);
    if (known !== undefined) return known;
    const now = this.time.now();
    this.#born.set(server, now);
    return now;
  }

  #natureBy(id: ServerId): Nature {
    const random = this.#random.fork(id);
    const job = parseJobId(id);
    if (job !== undefined) {
      const command = this.#commands.get(`${job.service}-${job.release}_${job.name}`);
      return jobNatureOf(isJobQuality(command) ? command : "fine", random);
    }
    const { service, release } = parts(id);
    const odd = this.haunted && random.chance(0.06);
    return natureOf(odd ? random.weighted(oddities) : this.qualityOf(service, release), random);
  }
}

function parts(id: ServerId): { readonly service: ServiceKey; readonly release: number } {
  return parseServerId(id) ?? { service: id, release: 0 };
}
