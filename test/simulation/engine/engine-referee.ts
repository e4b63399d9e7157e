import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import type { Observation } from "../../../src/domain/observation.ts";
import type { Shares } from "../../../src/domain/rollout/actions.ts";
import type { Clock } from "../../../src/lib/time/clock.ts";
import type { GroupSpec } from "../../../src/platform/contract/platform.ts";
import type { WorldCall } from "../faults.ts";
import type { Life } from "../life.ts";
import { Referee } from "../rules/referee.ts";
import type { Trace } from "../trace.ts";
import type { Engine } from "./engine.ts";
import { EngineKnowledge } from "./engine-knowledge.ts";
import { EngineRules } from "./engine-rules.ts";

/** The referee of an engine: it sees what is asked of it, and what becomes of its servers and its traffic. */
export class EngineReferee extends Referee {
  declare readonly knowledge: EngineKnowledge;
  readonly #rules: EngineRules;

  constructor(engine: Engine, time: Clock, services: readonly ServiceKey[], trace: Trace) {
    const knowledge = new EngineKnowledge(engine, time, services);
    super(knowledge, trace);
    this.#rules = new EngineRules(knowledge, this.verdict);
    engine.onDrain = (server) => {
      trace.add(() => `    ${server.id} of ${server.service}-${server.release.number} leaves`);
      this.#rules.onDrain(server);
    };
  }

  override onObserved(observation: Observation, sinceMs: number, life: Life): void {
    this.knowledge.learn(observation);
    super.onObserved(observation, sinceMs, life);
  }

  override onResize(group: GroupSpec, size: number, life: Life): void {
    if (this.isOver(life)) return;
    const { service, number } = group.release;
    if (this.plan.lowers(service, number, size)) this.#decided(service);
    super.onResize(group, size, life);
  }

  override onRoute(service: ServiceKey, shares: Shares, life: Life): void {
    if (this.isOver(life)) return;
    this.#decided(service);
    super.onRoute(service, shares, life);
  }

  override onRetire(id: ServerId, life: Life): void {
    if (!this.isOver(life)) this.#rules.retired(id);
    super.onRetire(id, life);
  }

  protected override tampered({ subject }: WorldCall): ServiceKey | undefined {
    return subject;
  }

  protected override checkEffect(): void {}

  protected override watchWorld(service: ServiceKey): void {
    this.#rules.watch(service);
  }

  protected override checkStep(service: ServiceKey): void {
    this.#rules.step(service);
  }

  #decided(service: ServiceKey): void {
    this.#rules.decided(service, this.plan.seenMs(service), this.plan.floor(service));
  }
}
