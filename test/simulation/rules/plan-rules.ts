import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import type { Observation } from "../../../src/domain/observation.ts";
import { fewestCarrying, mostAtOnce } from "../../../src/domain/plan/upkeep/drift-response.ts";
import type { RecordChange, Shares } from "../../../src/domain/rollout/actions.ts";
import type { Life } from "../life.ts";
import { ceilingOf, floorOf, type Knowledge } from "./knowledge.ts";
import { Sizes } from "./sizes.ts";
import type { Verdict } from "./verdict.ts";

/** The longest that a plan is carried out, with calls that are late. */
const planMs = 20_000;

interface Inspector {
  readonly atMs: number;
  /** Ready servers with traffic, as they were seen. */
  readonly capacity: ReadonlySet<ServerId>;
  /** All ready servers, with traffic or without. */
  readonly ready: ReadonlySet<ServerId>;
  /** Those of the capacity that have been lost since, also if they have come again: nobody can know of that. */
  readonly lost: Set<ServerId>;
  /** Those of the capacity that had no traffic any more when the look was told: it was older than that. */
  readonly outdated: readonly ServerId[];
}

/** What the planner may ask of the platform, given what it has seen. */
export class PlanRules {
  readonly #k: Knowledge;
  readonly #verdict: Verdict;
  readonly #sights = new Map<ServiceKey, Inspector>();
  /** The lowest floor, and the highest ceiling, of all that was desired since the last look. */
  readonly #floors = new Map<ServiceKey, number>();
  readonly #ceilings = new Map<ServiceKey, number>();
  /** The bounds of what is desired now, and since when. */
  readonly #bounds = new Map<ServiceKey, { readonly words: string; readonly sinceMs: number }>();
  readonly #sizes = new Sizes();
  /** Services whose last rollout found no way back: what serves then is what there is. */
  readonly #stranded = new Set<ServiceKey>();
  #lookFailed = false;

  constructor(knowledge: Knowledge, verdict: Verdict) {
    this.#k = knowledge;
    this.#verdict = verdict;
  }

  begin(): void {
    this.#lookFailed = false;
    this.#sights.clear();
    this.#sizes.clear();
  }

  seenMs(service: ServiceKey): number {
    return this.#sights.get(service)?.atMs ?? Number.NEGATIVE_INFINITY;
  }

  /** The fewest ready servers with traffic that what was desired since the last look allows. */
  floor(service: ServiceKey): number {
    const least = this.#stranded.has(service) ? 1 : Number.POSITIVE_INFINITY;
    return Math.min(this.#floors.get(service) ?? 0, floorOf(this.#k.desired.get(service)), least);
  }

  /** Whether this takes servers away, as far as it is known how many there shall be. */
  lowers(service: ServiceKey, release: number, size: number): boolean {
    const unknown = this.#sizes.isThere(service, release) ? Number.POSITIVE_INFINITY : 0;
    return size < (this.#sizes.of(service, release) ?? unknown);
  }

  /** Whether this asks for more servers. */
  raises(service: ServiceKey, release: number, size: number): boolean {
    return size > (this.#sizes.of(service, release) ?? 0);
  }

  /** What was seen with traffic, and is not ready now, is lost. */
  step(service: ServiceKey): void {
    const { capacity = [], lost } = this.#sights.get(service) ?? {};
    for (const id of capacity) if (!this.#k.isReady(id)) lost?.add(id);
  }

  onDesired(service: ServiceKey): void {
    const desired = this.#k.desired.get(service);
    const floor = floorOf(desired);
    const ceiling = ceilingOf(desired);
    const words = `${floor} to ${ceiling}`;
    if (this.#bounds.get(service)?.words !== words)
      this.#bounds.set(service, { words, sinceMs: this.#k.now() });
    this.#floors.set(service, Math.min(this.#floors.get(service) ?? 0, floor));
    this.#ceilings.set(service, Math.max(this.#ceilings.get(service) ?? 0, ceiling));
  }

  /** Of two services a look may be the other one's, amid a plan for this one that goes by what was desired before. */
  #mayGoOnByOldBounds(service: ServiceKey): boolean {
    const { sinceMs = Number.NEGATIVE_INFINITY } = this.#bounds.get(service) ?? {};
    return this.#k.services.length > 1 && this.#k.now() - sinceMs < planMs;
  }

  /** `sinceMs`: when the look began; what it tells may be as old as that. */
  onObserved(observation: Observation, sinceMs: number): void {
    this.#lookFailed = false;
    for (const service of this.#k.services) {
      const groups = observation.groups.filter((g) => g.service === service);
      this.#sizes.onObserved(service, groups);
      const servers = groups.flatMap((g) => g.servers);
      const ready = servers.filter((s) => s.state === "ready");
      const capacity = new Set(ready.filter((s) => s.inTraffic).map((s) => s.id));
      const seen = { atMs: sinceMs, capacity, ready: new Set(ready.map((s) => s.id)) };
      const takers = this.#k.readyTakers(service);
      const outdated = [...capacity].filter((id) => !takers.includes(id));
      this.#sights.set(service, { ...seen, lost: new Set(), outdated });
      if (this.#mayGoOnByOldBounds(service)) continue;
      this.#floors.set(service, floorOf(this.#k.desired.get(service)));
      this.#ceilings.set(service, ceilingOf(this.#k.desired.get(service)));
    }
  }

  onObserveFailed(): void {
    this.#lookFailed = true;
  }

  /** Nothing is done on the strength of a look that failed. */
  #mustHaveSeen(what: string): void {
    this.#verdict.expect(
      !this.#lookFailed || this.#k.services.length > 1,
      "failed-observe-does-nothing",
      () => `${what}, although the last look at the platform failed`,
    );
  }

  onResize(service: ServiceKey, release: number, size: number): void {
    this.#mustHaveSeen(`release ${release} is resized to ${size}`);
    const group = this.#knownCapacity(service).filter((id) => this.#k.placeOf(id)?.release === release);
    this.#mayLose(service, Math.max(0, group.length - size), `resize release ${release} to ${size}`);
    this.#mustNotSwell(service, release, size);
  }

  /** The last call came to nothing: the group is as it was before. */
  onUndone(service: ServiceKey, release: number): void {
    this.#sizes.onUndone(service, release);
  }

  onRoute(service: ServiceKey, shares: Shares): void {
    this.#mustHaveSeen("traffic is moved");
    const now = this.#knownCapacity(service).filter((id) => !this.#isGoing(service, id));
    const sharing = shares.filter((s) => s.share > 0).map((s) => s.release);
    const ready = new Set([...this.#k.readyOf(service), ...(this.#sights.get(service)?.ready ?? [])]);
    const then = [...ready].filter((id) => sharing.includes(this.#k.placeOf(id)?.release ?? 0));
    if (then.length === 0) return; // the platform refuses that, while others have the traffic and can take it
    this.#mayLose(service, now.length - then.length, `route to ${sharing.join(", ") || "nobody"}`);
  }

  onDestroy(id: ServerId): void {
    this.#mustHaveSeen(`${id} is destroyed`);
  }

  onQuarantine(id: ServerId): void {
    const desired = this.#k.desired.get(this.#k.placeOf(id)?.service ?? "");
    const taint = desired?.taints.find((t) => t.server === id);
    this.#verdict.expect(
      taint?.takenAtMs !== undefined && taint.response !== "report",
      "only-tainted-in-quarantine",
      () => `${id} is put in quarantine, and nobody has recorded why`,
    );
  }

  /** It is decided that a server which has drifted goes: the others must be enough, as far as was seen. */
  onTaken(id: ServerId): void {
    const service = this.#k.placeOf(id)?.service ?? "";
    const desired = this.#k.desired.get(service);
    if (desired === undefined || this.#k.isTampered(service)) return;
    const out = this.#taken(service);
    const { outdated = [] } = this.#sights.get(service) ?? {};
    const known = new Set([...this.#capacity(service), ...outdated]);
    const before = [...known].filter((other) => other === id || !out.has(other));
    const fewest = fewestCarrying(desired);
    this.#verdict.expect(
      !before.includes(id) || before.length - 1 >= fewest,
      "capacity-kept",
      () => `${id} is taken out of ${before.length} servers with traffic; ${fewest} have to stay`,
    );
    this.#verdict.expect(
      (desired.suspendedUntilMs ?? 0) <= (desired.taints.at(-1)?.taintedAtMs ?? 0) ||
        out.size <= mostAtOnce(0) + 1,
      "detection-is-no-weapon",
      () => `${out.size} servers are taken out in a burst`,
    );
  }

  /** A server that is too old goes only when as many others as are wanted carry the traffic. */
  onRetire(id: ServerId): void {
    const service = this.#k.placeOf(id)?.service ?? "";
    const desired = this.#k.desired.get(service);
    if (this.#taken(service).has(id)) return; // it has drifted, where none can be kept apart: that waits for no look
    this.#mustHaveSeen(`${id} is retired`);
    if (desired === undefined || this.#k.isTampered(service)) return;
    const others = this.#capacity(service).filter((other) => other !== id).length;
    this.#verdict.expect(
      others >= desired.count && desired.rollout === undefined,
      "capacity-kept",
      () => `${id} is retired, and ${others} of ${desired.count} servers carry the traffic without it`,
    );
  }

  onRecord(service: ServiceKey, change: RecordChange, _life: Life): void {
    this.#mustHaveSeen(`${change.kind} is recorded`);
    if (change.kind === "end" && change.phase === "failed") this.#stranded.add(service);
    else if (change.kind !== "warm-over") this.#stranded.delete(service);
    if (change.kind === "turn-back") {
      this.#verdict.expect(
        this.#k.desired.get(service)?.rollout?.kind !== "rollback",
        "rollback-is-never-rolled-back",
        () => `rollout ${change.rollout} of ${service} is a rollback and turns back`,
      );
    }
  }

  /** Servers that go because they have drifted. */
  #taken(service: ServiceKey): ReadonlySet<ServerId> {
    const taints = this.#k.desired.get(service)?.taints ?? [];
    return new Set(taints.filter((t) => t.takenAtMs !== undefined).map((t) => t.server));
  }

  /** Ready servers with traffic, and those that were when the planner looked: it cannot know what was lost since. */
  #capacity(service: ServiceKey): readonly ServerId[] {
    this.step(service);
    const lost = this.#sights.get(service)?.lost ?? [];
    return [...new Set([...this.#k.readyTakers(service), ...lost])];
  }

  /** Without those that have drifted and are taken out: the router may be slow to let them go, and nobody counts on them. */
  #staying(service: ServiceKey): readonly ServerId[] {
    const taken = this.#taken(service);
    return this.#capacity(service).filter((id) => !taken.has(id));
  }

  /** Those of them that the planner knows to have traffic: not the ones that got it since it looked. */
  #knownCapacity(service: ServiceKey): readonly ServerId[] {
    const { atMs = 0, capacity = new Set<ServerId>() } = this.#sights.get(service) ?? {};
    return this.#staying(service).filter((id) => capacity.has(id) || this.#k.inSinceMs(id) <= atMs);
  }

  /** Its group was asked to go, and whether it could was judged then, also if a server of it has become ready since. */
  #isGoing(service: ServiceKey, id: ServerId): boolean {
    return this.#sizes.of(service, this.#k.placeOf(id)?.release ?? 0) === 0;
  }

  #mayLose(service: ServiceKey, loss: number, what: string): void {
    if (loss <= 0 || this.#k.isTampered(service)) return;
    const before = this.#staying(service).length;
    const floor = Math.min(this.floor(service), before);
    this.#verdict.expect(
      before - loss >= floor,
      "capacity-kept",
      () => `to ${what} takes ${loss} of ${before} ready servers with traffic away; ${floor} have to stay`,
    );
  }

  #mustNotSwell(service: ServiceKey, release: number, size: number): void {
    const raised = this.raises(service, release, size);
    this.#sizes.onResize(service, release, size);
    if (!raised || this.#k.isTampered(service)) return;
    const { rollout, serving, warm = [] } = this.#k.desired.get(service) ?? {};
    const part = rollout ? [rollout.from, rollout.to] : [serving, ...warm.map((w) => w.release)];
    // Others go, as soon as they have no traffic any more.
    const wanted = this.#sizes.asked(service, part);
    const most = Math.max(this.#ceilings.get(service) ?? 0, ceilingOf(this.#k.desired.get(service)));
    this.#verdict.expect(
      wanted <= most,
      "servers-bounded",
      () => `${wanted} servers of ${service} are wanted at once; the policy allows ${most}`,
    );
  }
}
