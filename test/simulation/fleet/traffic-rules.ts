import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import { parseServerId } from "../../../src/platform/fleet/server-id.ts";
import type { RoutedService } from "../../../src/router/router.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { FleetKnowledge } from "./fleet-knowledge.ts";

/** From a server's trouble until its traffic is gone, beside the time that its health checks take. */
const reactionMs = 5_000;
/** From a first ready server until it has traffic. */
const firstTrafficMs = 15_000;

interface Decision {
  readonly atMs: number;
  readonly seenMs: number;
}

/** Who may have traffic, and who may lose it. */
export class TrafficRules {
  readonly #k: FleetKnowledge;
  readonly #verdict: Verdict;
  /** Servers with traffic, and ready ones that may get it, that answer. */
  readonly #answering = new Map<ServiceKey, ReadonlySet<ServerId>>();
  readonly #stopped = new Set<ServerId>();
  /** Since when a server with traffic has not answered. */
  readonly #brokenMs = new Map<ServerId, number>();
  /** Since when nobody could be reached although somebody was ready. */
  readonly #darkMs = new Map<ServiceKey, number>();
  /** When a group was lowered or the shares were moved, and when what led to it was seen; oldest first. */
  readonly #decisions = new Map<string, Decision[]>();
  readonly #drainMs = new Map<string, number>();

  constructor(knowledge: FleetKnowledge, verdict: Verdict) {
    this.#k = knowledge;
    this.#verdict = verdict;
  }

  decided(service: ServiceKey, group: string, seenMs: number): void {
    // What was decided when nothing had to serve is carried out, also when that has changed meanwhile.
    const since = this.#k.mustServe(service) ? seenMs : Number.NEGATIVE_INFINITY;
    this.#decisions.set(group, [
      ...(this.#decisions.get(group) ?? []),
      { atMs: this.#k.now(), seenMs: since },
    ]);
  }

  /** The shortest drain that any release of the group was told of. */
  drains(group: string, drainMs: number): void {
    this.#drainMs.set(group, Math.min(drainMs, this.#drainMs.get(group) ?? drainMs));
  }

  onApply(routed: RoutedService): void {
    const taking = routed.upstreams.filter((t) => t.weight > 0).map((t) => t.id);
    for (const id of taking) {
      this.#verdict.expect(
        this.#k.oracle.wasReadyAt(id, this.#k.now()),
        "traffic-only-to-ready",
        () => `${id} gets traffic, and its health checks have not made it ready`,
      );
    }
    this.#mayDrop(routed.service, new Set(taking));
  }

  onRemove(service: ServiceKey): void {
    this.#mayDrop(service, new Set());
  }

  /** Whoever answers goes only when another one that answers has the traffic. */
  #mayDrop(service: ServiceKey, kept: ReadonlySet<ServerId>): void {
    const { machine } = this.#k;
    if (!this.#k.mustServe(service) || this.#k.isTampered(service)) return;
    const now = machine.takers(service).map((t) => t.id);
    const dropped = now.filter((id) => !kept.has(id) && this.#k.isReady(id) && machine.answers(id));
    if (dropped.length === 0) return;
    const excused = [...kept].some((id) => this.#k.isReady(id)) || dropped.some((id) => this.#unlucky(id));
    this.#verdict.expect(
      excused,
      "served-while-one-is-ready",
      () => `${dropped.join(", ")} loses the traffic, and no other server that answers has it`,
    );
  }

  /** Since its end was decided on, a server that should have gone on was lost. */
  #unlucky(id: ServerId): boolean {
    const name = parseServerId(id);
    const service = name?.service ?? "";
    const since = this.#seenMs(`${service}-${name?.release}`, id) ?? this.#seenMs(service, id) ?? 0;
    return (this.#k.lossMs.get(service) ?? Number.NEGATIVE_INFINITY) >= since;
  }

  /** What led to the decision by which the server lost its traffic, or to the last one where it has it. */
  #seenMs(group: string, id: ServerId): number | undefined {
    const outMs = this.#k.machine.outSince.get(id) ?? Number.POSITIVE_INFINITY;
    return this.#decisions.get(group)?.findLast(({ atMs }) => atMs <= outMs)?.seenMs;
  }

  onStop(id: ServerId, asked: boolean): void {
    const { machine } = this.#k;
    const name = parseServerId(id);
    if (name === undefined || !machine.isRunning(id)) return;
    this.#stopped.add(id);
    if (this.#k.isTampered(name.service)) return;
    this.#verdict.expect(
      machine.weightOf(id) === 0,
      "stopped-only-out-of-traffic",
      () => `${id} is stopped while the router gives it traffic`,
    );
    if (asked || !this.#k.isReady(id)) return;
    this.#mustBeDrained(id, `${name.service}-${name.release}`);
    this.#mustHaveSuccessor(id, name.service, name.release);
  }

  #mustBeDrained(id: ServerId, group: string): void {
    const { machine } = this.#k;
    const since = machine.outSince.get(id);
    if (since === undefined || (machine.openRequests.get(id) ?? 0) === 0) return;
    const drainedMs = this.#k.now() - since;
    const drainMs = this.#drainMs.get(group) ?? 0;
    this.#verdict.expect(
      drainedMs >= drainMs,
      "drained-before-stopped",
      () => `${id} is stopped with requests open, ${drainedMs} of ${drainMs} ms after it lost its traffic`,
    );
  }

  #mustHaveSuccessor(id: ServerId, service: ServiceKey, release: number): void {
    const { machine, desired } = this.#k;
    const isServing = desired.get(service)?.serving === release;
    if (!isServing || !this.#k.mustServe(service) || !machine.answers(id)) return;
    const others = this.#k.readyOf(service, release).length > 1 || this.#k.readyTakers(service).length > 0;
    this.#verdict.expect(
      others || this.#unlucky(id),
      "last-ready-server-stays",
      () =>
        `${id} is the last one of the serving release that answers, and is stopped before another one serves`,
    );
  }

  /** After every effect: an address that went to another server must not have the former one's traffic. */
  checkAddresses(service: ServiceKey): void {
    if (this.#k.isTampered(service)) return;
    const { machine } = this.#k;
    for (const target of machine.takers(service).filter((t) => !machine.vanished.has(t.id))) {
      const holder = machine.holderOf(target);
      this.#verdict.expect(
        holder === undefined || holder === target.id,
        "traffic-to-the-right-server",
        () => `requests for ${target.id} go to ${holder}`,
      );
    }
  }

  step(service: ServiceKey): void {
    const { machine } = this.#k;
    const takers = machine.takers(service).map((t) => t.id);
    const lost = [...(this.#answering.get(service) ?? [])].filter((id) => !machine.answers(id));
    if (lost.some((id) => !this.#stopped.has(id))) this.#k.lossMs.set(service, this.#k.now());
    const usable = [...takers, ...this.#k.readyOf(service)];
    this.#answering.set(service, new Set(usable.filter((id) => machine.answers(id))));
    for (const id of takers) this.#mustLeave(id, machine.answers(id));
    this.#mustBeLit(
      service,
      takers.some((id) => machine.answers(id)),
    );
  }

  /** A server that has stopped answering loses its traffic within the time that its health checks take. */
  #mustLeave(id: ServerId, answers: boolean): void {
    if (answers) return void this.#brokenMs.delete(id);
    const now = this.#k.now();
    const since = this.#brokenMs.get(id) ?? now;
    this.#brokenMs.set(id, since);
    const health = this.#k.machine.servers.get(id)?.release.health;
    if (health === undefined) return;
    const limitMs = health.unready * (health.intervalMs + health.timeoutMs) + health.intervalMs + reactionMs;
    if (!this.#k.isUndisturbed(limitMs)) return;
    this.#verdict.expect(
      now - since <= limitMs,
      "broken-servers-lose-traffic",
      () => `${id} has not answered for ${now - since} ms and still has traffic`,
    );
  }

  #mustBeLit(service: ServiceKey, lit: boolean): void {
    const desired = this.#k.desired.get(service);
    const { phase = "forward", kind = "deploy" } = desired?.rollout ?? {};
    // A rollback is never rolled back, and a rollout that is paused waits for a person.
    const moves = kind === "deploy" && phase !== "paused";
    const dark = !lit && moves && this.#k.mustServe(service) && this.#k.isUndisturbed();
    const ready = dark ? this.#k.readyOf(service, desired?.serving ?? 0) : [];
    const could = ready.some((id) => this.#k.machine.answers(id));
    if (!could) return void this.#darkMs.delete(service);
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
