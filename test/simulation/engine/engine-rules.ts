import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import type { ClusterServer } from "../../../src/platform/fake/cluster-server.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { EngineKnowledge } from "./engine-knowledge.ts";

/** From a first ready server until it has traffic. */
const firstTrafficMs = 15_000;

/** What the controller had seen when it last decided that servers should go, and how many had to stay. */
interface Decision {
  readonly seenMs: number;
  readonly floor: number;
}

/** What becomes of servers and traffic, as it really is, and not as a look shows it some moments later. */
export class EngineRules {
  readonly #k: EngineKnowledge;
  readonly #verdict: Verdict;
  readonly #decisions = new Map<ServiceKey, Decision>();
  /** Ready servers. */
  readonly #ready = new Map<ServiceKey, ReadonlySet<ServerId>>();
  /** Those of them that answer. */
  readonly #answering = new Map<ServiceKey, ReadonlySet<ServerId>>();
  /** Servers that were themselves asked to leave: the others had to be enough when that was asked. */
  readonly #retired = new Set<ServerId>();
  readonly #drained = new Set<ServerId>();
  /** Since when nobody could be reached although somebody was ready. */
  readonly #darkMs = new Map<ServiceKey, number>();

  constructor(knowledge: EngineKnowledge, verdict: Verdict) {
    this.#k = knowledge;
    this.#verdict = verdict;
  }

  /** The controller takes servers or traffic away; the newest decision counts. */
  decided(service: ServiceKey, seenMs: number, floor: number): void {
    this.#decisions.set(service, { seenMs: seenMs - this.#k.engine.lagMs, floor });
  }

  retired(id: ServerId): void {
    this.#retired.add(id);
  }

  /** A ready server has to leave: the others must be enough. */
  onDrain({ id, service, release, sinceMs }: ClusterServer): void {
    this.#drained.add(id);
    if (this.#retired.has(id)) return;
    const takers = this.#k.readyTakers(service);
    if (!this.#k.isReady(id) || this.#k.isTampered(service) || this.#isUnlucky(service)) return;
    const desired = this.#k.desired.get(service);
    const others = takers.filter((other) => other !== id && !this.#drained.has(other)).length;
    const { floor = 0, seenMs = Number.POSITIVE_INFINITY } = this.#decisions.get(service) ?? {};
    if (desired?.serving === release.number && this.#k.mustServe(service) && floor > 0) {
      const successors = others + this.#k.readyOf(service, release.number).length - 1;
      this.#verdict.expect(
        successors > 0,
        "last-ready-server-stays",
        () => `${id} is the last ready one of the serving release, and leaves before another one serves`,
      );
    }
    if (!takers.includes(id) || sinceMs >= seenMs) return; // it has become ready since: no one had counted on it
    this.#verdict.expect(
      others >= Math.min(floor, takers.length),
      "capacity-kept",
      () => `${id} leaves, ${others} servers with traffic are left, and ${floor} have to stay`,
    );
  }

  /** Since that was seen which led to the decision, a server that should have stayed was lost. */
  #isUnlucky(service: ServiceKey): boolean {
    const { seenMs = Number.NEGATIVE_INFINITY } = this.#decisions.get(service) ?? {};
    return (this.#k.lossMs.get(service) ?? Number.NEGATIVE_INFINITY) >= seenMs;
  }

  /** Also while there is no controller: the next one cannot know what was lost since the look that it begins with. */
  watch(service: ServiceKey): void {
    const { engine } = this.#k;
    const ready = new Set(this.#k.readyOf(service));
    const answering = new Set([...ready].filter((id) => engine.answers(id)));
    // One that does not answer any more is lost, and is lost once more when its health check has noticed: looks show it from then on.
    this.#noteLost(service, this.#ready, ready);
    this.#noteLost(service, this.#answering, answering);
  }

  step(service: ServiceKey): void {
    this.#mustBeLit(service, this.#answering.get(service) ?? new Set());
  }

  #noteLost(
    service: ServiceKey,
    known: Map<ServiceKey, ReadonlySet<ServerId>>,
    now: ReadonlySet<ServerId>,
  ): void {
    const lost = [...(known.get(service) ?? [])].filter((id) => !now.has(id));
    if (lost.some((id) => !this.#drained.has(id))) this.#k.lossMs.set(service, this.#k.now());
    known.set(service, now);
  }

  #mustBeLit(service: ServiceKey, answering: ReadonlySet<ServerId>): void {
    const desired = this.#k.desired.get(service);
    const { phase = "forward", kind = "deploy" } = desired?.rollout ?? {};
    // A rollback is never rolled back, and a rollout that is paused waits for a person.
    const moves = kind === "deploy" && phase !== "paused";
    const lit = this.#k.readyTakers(service).some((id) => answering.has(id));
    const dark = !lit && moves && this.#k.mustServe(service) && this.#k.isUndisturbed();
    const ready = dark ? this.#k.readyOf(service, desired?.serving ?? 0) : [];
    if (!ready.some((id) => answering.has(id))) return void this.#darkMs.delete(service);
    const now = this.#k.now();
    // While no controller ran, none could do anything about it.
    const since = Math.max(this.#darkMs.get(service) ?? now, this.#k.upSinceMs ?? now);
    this.#darkMs.set(service, since);
    this.#verdict.expect(
      now - since <= firstTrafficMs,
      "served-while-one-is-ready",
      () => `${ready.join(", ")} ready for ${now - since} ms, and no request reaches anybody`,
    );
  }
}
