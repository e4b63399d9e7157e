import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import type { Observation } from "../../../src/domain/observation.ts";
import type { Shares } from "../../../src/domain/rollout/actions.ts";
import type { GroupSpec } from "../../../src/platform/contract/platform.ts";
import type { StartDeploy } from "../../../src/store/rollouts/start.ts";
import type { Store } from "../../../src/store/store.ts";
import type { NewTaint } from "../../../src/store/taints.ts";
import type { Fate, WorldCall } from "../faults.ts";
import type { Life } from "../life.ts";
import { PolicyRules } from "../policy/policy-rules.ts";
import type { Trace } from "../trace.ts";
import type { Knowledge } from "./knowledge.ts";
import { PlanRules } from "./plan-rules.ts";
import { ProgressRules } from "./progress-rules.ts";
import { Verdict } from "./verdict.ts";
import { WriterRules } from "./writer-rules.ts";

/** Changes of the store that change nothing that is desired: not worth reading it again. */
const recordsOnly = new Set(["recordServers", "pruneReleases"]);

/** Calls that change nothing. */
const looks = new Set(["list", "observe", "open"]);

/**
 * Sees everything that passes between the controller and its platform, and asserts the invariants after every step. What is
 * asserted of one world alone is with that world.
 */
export abstract class Referee {
  readonly verdict: Verdict;
  readonly knowledge: Knowledge;
  readonly policies: PolicyRules;
  protected readonly trace: Trace;
  protected readonly plan: PlanRules;
  readonly #progress: ProgressRules;
  readonly #writers: WriterRules;
  #life: Life | undefined;

  constructor(knowledge: Knowledge, trace: Trace) {
    this.knowledge = knowledge;
    this.trace = trace;
    this.verdict = new Verdict((words) => trace.add(() => words));
    this.policies = new PolicyRules(this.verdict);
    this.plan = new PlanRules(knowledge, this.verdict);
    this.#progress = new ProgressRules(knowledge, this.verdict);
    this.#writers = new WriterRules(knowledge, this.verdict);
  }

  /** A controller begins its life. */
  begin(life: Life, store: Store): void {
    this.#life = life;
    this.knowledge.upSinceMs = this.knowledge.now();
    for (const service of this.knowledge.services) this.#refresh(service, store);
    this.plan.begin();
    this.#progress.begin();
  }

  /** Its life is over, by force or not. */
  end(): void {
    this.knowledge.upSinceMs = undefined;
  }

  onStored(store: Store, method: string, args: readonly unknown[]): void {
    if (method !== "recordServers") this.trace.add(() => `  store ${method} ${JSON.stringify(args)}`);
    if (recordsOnly.has(method)) return;
    if (method === "startDeploy") this.policies.onStarted(store, args[0] as StartDeploy);
    if (method === "moveMoments") this.#progress.onMoments(args[0] as number);
    for (const service of this.knowledge.services) this.#refresh(service, store);
    const taken = takenIn(method, args);
    if (taken !== undefined) this.plan.onTaken(taken);
  }

  onRecord([service, change, reason]: Parameters<Store["apply"]>, life: Life): void {
    if (this.isOver(life) || reason === "the controller has started again") return;
    this.plan.onRecord(service, change, life);
    this.#progress.onRecord(service, change, reason);
  }

  /** `sinceMs`: when the look began. */
  onObserved(observation: Observation, sinceMs: number, life: Life): void {
    if (this.isOver(life)) return;
    this.plan.onObserved(observation, sinceMs);
    this.#progress.onObserved(observation);
  }

  onObserveFailed(error: unknown, life: Life): void {
    if (this.isOver(life)) return;
    this.trace.add(() => `  observe failed: ${error instanceof Error ? error.message : error}`);
    if (!this.policies.othersLook) this.plan.onObserveFailed();
  }

  onResize({ release }: GroupSpec, size: number, life: Life): void {
    if (this.isOver(life)) return;
    const { service, number } = release;
    this.trace.add(() => `  resize ${service}-${number} to ${size}`);
    const raised = this.plan.raises(service, number, size);
    this.#writers.onResize(service, number, { size, raised, seenMs: this.plan.seenMs(service) });
    this.plan.onResize(service, number, size);
  }

  /** The call for a size came to nothing: the group is as it was. */
  onUndone({ release }: GroupSpec, life: Life): void {
    if (!this.isOver(life)) this.plan.onUndone(release.service, release.number);
  }

  onRoute(service: ServiceKey, shares: Shares, life: Life): void {
    if (this.isOver(life)) return;
    this.trace.add(
      () => `  route ${service} ${shares.map((s) => `${s.release}:${s.share.toFixed(2)}`).join(" ")}`,
    );
    this.plan.onRoute(service, shares);
  }

  onPreview(service: ServiceKey, release: number | undefined, life: Life): void {
    if (!this.isOver(life)) this.trace.add(() => `  preview ${service} ${release ?? "none"}`);
  }

  onQuarantine(id: ServerId, life: Life): void {
    if (this.isOver(life)) return;
    this.trace.add(() => `  quarantine ${id}`);
    this.plan.onQuarantine(id);
    this.knowledge.lose(id);
  }

  onRetire(id: ServerId, life: Life): void {
    if (this.isOver(life)) return;
    this.trace.add(() => `  retire ${id}`);
    this.plan.onRetire(id);
  }

  onDestroy(id: ServerId, life: Life): void {
    if (this.isOver(life)) return;
    this.trace.add(() => `  destroy ${id}`);
    this.plan.onDestroy(id);
  }

  onCall({ part, operation, subject }: WorldCall, { outcome, beforeMs, afterMs }: Fate): void {
    if (outcome === "done" && beforeMs === 0 && afterMs === 0) return;
    this.trace.add(
      () => `    fault: ${part} ${operation} ${subject ?? ""} ${outcome} ${beforeMs}+${afterMs} ms`,
    );
    this.knowledge.disturbedMs = this.knowledge.now() + beforeMs + afterMs;
    if (outcome === "forgotten") this.knowledge.tamper(this.tampered({ part, operation, subject }));
  }

  /** A call begins to take effect: a creation shows before it is complete. One of a dead controller's is a surprise. */
  onBegin(call: WorldCall, life: Life): void {
    if (looks.has(call.operation) || !this.isOver(life)) return;
    this.knowledge.tamper(this.tampered(call));
  }

  /** A call has taken effect; one of a dead controller's comes as a surprise to its successor. */
  onEffect(call: WorldCall, life: Life): void {
    if (looks.has(call.operation)) return;
    if (this.isOver(life)) this.knowledge.tamper(this.tampered(call));
    this.checkEffect(life);
  }

  /** After everything that one moment brought. */
  step(): void {
    for (const service of this.knowledge.services) this.watchWorld(service);
    if (this.knowledge.upSinceMs === undefined) return;
    for (const service of this.knowledge.services) {
      this.plan.step(service);
      this.checkStep(service);
      this.#progress.step(service);
      this.#writers.step(service);
    }
  }

  /** The service that a call was about; undefined: all of them. */
  protected abstract tampered(call: WorldCall): ServiceKey | undefined;
  /** After a call has changed the world. */
  protected abstract checkEffect(life: Life): void;
  protected abstract checkStep(service: ServiceKey): void;
  /** What has become of the world, also while there is no controller. */
  protected watchWorld(_service: ServiceKey): void {}

  protected isOver(life: Life): boolean {
    return life.isOver || life !== this.#life;
  }

  #refresh(service: ServiceKey, store: Store): void {
    const desired = store.desired(service);
    if (desired === undefined) this.knowledge.desired.delete(service);
    else this.knowledge.desired.set(service, desired);
    this.plan.onDesired(service);
    this.#progress.onDesired(service);
    this.#writers.onDesired(service);
  }
}

/** The server that the controller has decided to take out, if that is what it has just recorded. */
function takenIn(method: string, [first]: readonly unknown[]): ServerId | undefined {
  if (method === "takeTainted") return first as ServerId;
  if (method !== "taint") return undefined;
  const { take, finding } = first as NewTaint;
  return take ? finding.server : undefined;
}
