import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import type { Observation } from "../../../src/domain/observation.ts";
import type { Shares } from "../../../src/domain/rollout/actions.ts";
import type { GroupSpec } from "../../../src/platform/contract/platform.ts";
import type { HostJob, ServerSpec } from "../../../src/platform/fleet/host.ts";
import { parseServerId } from "../../../src/platform/fleet/server-id.ts";
import { previewedBy, previewKey } from "../../../src/router/preview-key.ts";
import type { RoutedService } from "../../../src/router/router.ts";
import type { Store } from "../../../src/store/store.ts";
import type { WorldCall } from "../faults.ts";
import type { Life } from "../life.ts";
import { Referee } from "../rules/referee.ts";
import type { Trace } from "../trace.ts";
import { FleetKnowledge } from "./fleet-knowledge.ts";
import { HealthOracle } from "./health-oracle.ts";
import { InspectionRules } from "./inspection-rules.ts";
import { JobRules } from "./job-rules.ts";
import type { Machine } from "./machine.ts";
import { PreviewRules } from "./preview-rules.ts";
import { TrafficRules } from "./traffic-rules.ts";

/** The referee of a machine with a fleet: it sees every call to host, router and servers as well. */
export class FleetReferee extends Referee {
  declare readonly knowledge: FleetKnowledge;
  readonly #traffic: TrafficRules;
  readonly #jobs: JobRules;
  readonly #preview: PreviewRules;
  readonly #inspector: InspectionRules;
  /** Servers that the planner wants gone without a drain: their release is not known any more. */
  readonly #strays = new Set<ServerId>();

  constructor(machine: Machine, services: readonly ServiceKey[], trace: Trace) {
    const knowledge = new FleetKnowledge(machine, services);
    super(knowledge, trace);
    this.#traffic = new TrafficRules(knowledge, this.verdict);
    this.#jobs = new JobRules(knowledge, this.verdict);
    this.#preview = new PreviewRules(knowledge, this.verdict);
    this.#inspector = new InspectionRules(knowledge, this.verdict);
  }

  /** Servers that have traffic are the new controller's own to keep. */
  override begin(life: Life, store: Store): void {
    const { machine, services } = this.knowledge;
    this.knowledge.oracle = new HealthOracle();
    for (const service of services) {
      const previewed = machine.takers(previewKey(service));
      for (const { id } of [...machine.takers(service), ...previewed]) this.knowledge.oracle.adopt(id);
    }
    super.begin(life, store);
    this.#preview.begin();
  }

  override onObserved(observation: Observation, sinceMs: number, life: Life): void {
    super.onObserved(observation, sinceMs, life);
    if (!this.isOver(life)) this.#inspector.onObserved(observation);
  }

  override onResize(group: GroupSpec, size: number, life: Life): void {
    if (this.isOver(life)) return;
    const { service, number } = group.release;
    const key = `${service}-${number}`;
    if (this.plan.lowers(service, number, size)) {
      this.#traffic.decided(service, key, this.plan.seenMs(service));
    }
    this.#traffic.drains(key, group.drainMs);
    super.onResize(group, size, life);
    this.#jobs.onResize(service, number, size);
  }

  override onRoute(service: ServiceKey, shares: Shares, life: Life): void {
    if (this.isOver(life)) return;
    this.#traffic.decided(service, service, this.plan.seenMs(service));
    super.onRoute(service, shares, life);
  }

  override onPreview(service: ServiceKey, release: number | undefined, life: Life): void {
    super.onPreview(service, release, life);
    if (!this.isOver(life)) this.#preview.onPreview(service, release);
  }

  override onQuarantine(id: ServerId, life: Life): void {
    super.onQuarantine(id, life);
    if (!this.isOver(life)) this.#strays.add(id);
  }

  override onDestroy(id: ServerId, life: Life): void {
    if (!this.isOver(life)) this.#strays.add(id);
    super.onDestroy(id, life);
  }

  /** It is out of traffic and about to be frozen. */
  onFreeze(id: ServerId, life: Life): void {
    if (!this.isOver(life)) this.knowledge.oracle.forget(id);
  }

  onProbe(id: ServerId, ok: boolean, life: Life): void {
    const spec = this.knowledge.machine.servers.get(id)?.release.health;
    if (this.isOver(life) || spec === undefined) return;
    const wasReady = this.knowledge.oracle.isReady(id);
    this.knowledge.oracle.learn(id, ok, spec, this.knowledge.now());
    if (wasReady && !this.knowledge.oracle.isReady(id)) this.knowledge.lose(id);
  }

  onCreate({ id }: ServerSpec, life: Life): void {
    if (this.isOver(life)) return;
    this.knowledge.oracle.forget(id);
  }

  onRunJob({ id, release }: HostJob, life: Life): void {
    this.knowledge.machine.meet(release);
    if (this.isOver(life)) return;
    this.trace.add(() => `    run ${id}`);
    this.#jobs.onRun(id);
  }

  onStop(id: ServerId, how: "stop" | "destroy", life: Life): void {
    if (this.isOver(life)) return;
    this.trace.add(() => `    ${how} ${id}`);
    this.#traffic.onStop(id, this.#strays.has(id));
  }

  onApply(routed: RoutedService, life: Life): void {
    if (this.isOver(life)) return;
    const targets = () => routed.upstreams.map((t) => `${t.id}=${t.weight}`).join(" ");
    this.trace.add(() => `    apply ${routed.service}: ${targets()}`);
    if (previewedBy(routed.service) !== undefined) this.#preview.onApply(routed);
    else this.#traffic.onApply(routed);
  }

  onRemove(service: ServiceKey, life: Life): void {
    if (this.isOver(life)) return;
    this.trace.add(() => `    remove ${service}`);
    if (previewedBy(service) === undefined) this.#traffic.onRemove(service);
  }

  /** What concerns the host may concern any service. */
  protected override tampered({ part, subject }: WorldCall): ServiceKey | undefined {
    if (part !== "router" || subject === undefined) return undefined;
    return previewedBy(subject) ?? subject;
  }

  protected override checkEffect(life: Life): void {
    const { machine, services, oracle } = this.knowledge;
    this.#jobs.checkOnce();
    for (const service of services) {
      for (const { id } of machine.takers(service)) {
        if (this.isOver(life) && parseServerId(id) !== undefined) oracle.adopt(id);
      }
      this.#traffic.checkAddresses(service);
    }
  }

  protected override checkStep(service: ServiceKey): void {
    this.#traffic.step(service);
    this.#jobs.step(service);
    this.#preview.step(service);
  }
}
