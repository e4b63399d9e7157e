import type { Shares } from "../../src/domain/actions.ts";
import { previewedBy, previewKey, type ServerId, type ServiceKey } from "../../src/domain/ids.ts";
import type { Observation } from "../../src/domain/observation.ts";
import type { FakeCall } from "../../src/platform/fake/world.ts";
import type { HostJob, ServerSpec } from "../../src/platform/fleet/host.ts";
import { parseServerId } from "../../src/platform/fleet/server-id.ts";
import type { GroupSpec } from "../../src/platform/platform.ts";
import type { RoutedService } from "../../src/router/router.ts";
import type { NewTaint, Store } from "../../src/store/store.ts";
import type { Fate } from "./faults.ts";
import { HealthOracle } from "./health-oracle.ts";
import { JobRules } from "./job-rules.ts";
import { Knowledge } from "./knowledge.ts";
import type { Life } from "./life.ts";
import type { Machine } from "./machine.ts";
import { PlanRules } from "./plan-rules.ts";
import { PreviewRules } from "./preview-rules.ts";
import { ProgressRules } from "./progress-rules.ts";
import type { Trace } from "./trace.ts";
import { TrafficRules } from "./traffic-rules.ts";
import { Verdict } from "./verdict.ts";

/** Changes of the store that change nothing that is desired: not worth reading it again. */
const recordsOnly = new Set(["recordServers", "pruneReleases"]);

/** Calls that change nothing. */
const looks = new Set(["list", "observe", "open"]);

/** Sees everything that passes between the product and the world, and asserts the invariants after every step. */
export class Referee {
  readonly verdict: Verdict;
  readonly knowledge: Knowledge;
  readonly #trace: Trace;
  readonly #traffic: TrafficRules;
  readonly #plan: PlanRules;
  readonly #progress: ProgressRules;
  readonly #jobs: JobRules;
  readonly #preview: PreviewRules;
  /** Servers that the planner wants gone without a drain: their release is not known any more. */
  readonly #strays = new Set<ServerId>();
  #life: Life | undefined;

  constructor(machine: Machine, services: readonly ServiceKey[], trace: Trace) {
    this.knowledge = new Knowledge(machine, services);
    this.#trace = trace;
    this.verdict = new Verdict((words) => trace.add(() => words));
    this.#traffic = new TrafficRules(this.knowledge, this.verdict);
    this.#plan = new PlanRules(this.knowledge, this.verdict);
    this.#progress = new ProgressRules(this.knowledge, this.verdict);
    this.#jobs = new JobRules(this.knowledge, this.verdict);
    this.#preview = new PreviewRules(this.knowledge, this.verdict);
  }

  /** A controller begins its life. Servers that have traffic are its own to keep. */
  begin(life: Life, store: Store): void {
    const { machine, services } = this.knowledge;
    this.#life = life;
    this.knowledge.upSinceMs = this.knowledge.now();
    this.knowledge.oracle = new HealthOracle();
    for (const service of services) {
      const previewed = machine.takers(previewKey(service));
      for (const { id } of [...machine.takers(service), ...previewed]) this.knowledge.oracle.adopt(id);
      this.#refresh(service, store);
    }
    this.#plan.begin();
    this.#preview.begin();
    this.#progress.begin();
  }

  /** Its life is over, by force or not. */
  end(): void {
    this.knowledge.upSinceMs = undefined;
  }

  onStored(store: Store, method: string, args: readonly unknown[]): void {
    if (method !== "recordServers") this.#trace.add(() => `  store ${method} ${JSON.stringify(args)}`);
    if (recordsOnly.has(method)) return;
    if (method === "moveMoments") this.#progress.onMoments(args[0] as number);
    for (const service of this.knowledge.services) this.#refresh(service, store);
    const taken = takenIn(method, args);
    if (taken !== undefined) this.#plan.onTaken(taken);
  }

  onRecord([service, change, reason]: Parameters<Store["apply"]>, life: Life): void {
    if (this.#isOver(life) || reason === "the controller has started again") return;
    this.#plan.onRecord(service, change, life);
    this.#progress.onRecord(service, change, reason);
  }

  onObserved(observation: Observation, sinceMs: number, life: Life): void {
    if (this.#isOver(life)) return;
    this.#plan.onObserved(observation, sinceMs);
    this.#progress.onObserved(observation);
  }

  onObserveFailed(error: unknown, life: Life): void {
    if (this.#isOver(life)) return;
    this.#trace.add(() => `  observe failed: ${error instanceof Error ? error.message : error}`);
    this.#plan.onObserveFailed();
  }

  onResize({ release, drainMs }: GroupSpec, size: number, life: Life): void {
    if (this.#isOver(life)) return;
    const { service, number } = release;
    this.#trace.add(() => `  resize ${service}-${number} to ${size}`);
    const group = `${service}-${number}`;
    if (this.#plan.lowers(service, number, size)) {
      this.#traffic.decided(service, group, this.#plan.seenMs(service));
    }
    this.#traffic.drains(group, drainMs);
    this.#plan.onResize(service, number, size);
    this.#jobs.onResize(service, number, size);
  }

  onRoute(service: ServiceKey, shares: Shares, life: Life): void {
    if (this.#isOver(life)) return;
    this.#trace.add(
      () => `  route ${service} ${shares.map((s) => `${s.release}:${s.share.toFixed(2)}`).join(" ")}`,
    );
    this.#traffic.decided(service, service, this.#plan.seenMs(service));
    this.#plan.onRoute(service, shares);
  }

  onPreview(service: ServiceKey, release: number | undefined, life: Life): void {
    if (this.#isOver(life)) return;
    this.#trace.add(() => `  preview ${service} ${release ?? "none"}`);
    this.#preview.onPreview(service, release);
  }

  onQuarantine(id: ServerId, life: Life): void {
    if (this.#isOver(life)) return;
    this.#trace.add(() => `  quarantine ${id}`);
    this.#plan.onQuarantine(id);
    this.#strays.add(id);
    this.knowledge.lose(id);
  }

  /** It is out of traffic and about to be frozen. */
  onFreeze(id: ServerId, life: Life): void {
    if (!this.#isOver(life)) this.knowledge.oracle.forget(id);
  }

  onRetire(id: ServerId, life: Life): void {
    if (this.#isOver(life)) return;
    this.#trace.add(() => `  retire ${id}`);
    this.#plan.onRetire(id);
  }

  onDestroy(id: ServerId, life: Life): void {
    if (this.#isOver(life)) return;
    this.#trace.add(() => `  destroy ${id}`);
    this.#strays.add(id);
    this.#plan.onDestroy(id);
  }

  onProbe(id: ServerId, ok: boolean, life: Life): void {
    const spec = this.knowledge.machine.servers.get(id)?.release.health;
    if (this.#isOver(life) || spec === undefined) return;
    const wasReady = this.knowledge.oracle.isReady(id);
    this.knowledge.oracle.learn(id, ok, spec);
    if (wasReady && !this.knowledge.oracle.isReady(id)) this.knowledge.lose(id);
  }

  onCreate({ id }: ServerSpec, life: Life): void {
    if (this.#isOver(life)) return;
    this.knowledge.oracle.forget(id);
  }

  onRunJob({ id, release }: HostJob, life: Life): void {
    this.knowledge.machine.meet(release);
    if (this.#isOver(life)) return;
    this.#trace.add(() => `    run ${id}`);
    this.#jobs.onRun(id);
  }

  onStop(id: ServerId, how: "stop" | "destroy", life: Life): void {
    if (this.#isOver(life)) return;
    this.#trace.add(() => `    ${how} ${id}`);
    this.#traffic.onStop(id, this.#strays.has(id));
  }

  onApply(routed: RoutedService, life: Life): void {
    if (this.#isOver(life)) return;
    const targets = () => routed.targets.map((t) => `${t.id}=${t.weight}`).join(" ");
    this.#trace.add(() => `    apply ${routed.service}: ${targets()}`);
    if (previewedBy(routed.service) !== undefined) this.#preview.onApply(routed);
    else this.#traffic.onApply(routed);
  }

  onRemove(service: ServiceKey, life: Life): void {
    if (this.#isOver(life)) return;
    this.#trace.add(() => `    remove ${service}`);
    if (previewedBy(service) === undefined) this.#traffic.onRemove(service);
  }

  onCall({ part, operation, subject }: FakeCall, { outcome, beforeMs, afterMs }: Fate): void {
    if (outcome === "done" && beforeMs === 0 && afterMs === 0) return;
    this.#trace.add(
      () => `    fault: ${part} ${operation} ${subject ?? ""} ${outcome} ${beforeMs}+${afterMs} ms`,
    );
    this.knowledge.disturbedMs = this.knowledge.now() + beforeMs + afterMs;
    if (outcome === "forgotten") this.knowledge.tamper(tampered(part, subject));
  }

  /** A call begins to take effect: a creation shows before it is complete. One of a dead controller's is a surprise. */
  onBegin({ part, operation, subject }: FakeCall, life: Life): void {
    if (looks.has(operation) || !this.#isOver(life)) return;
    this.knowledge.tamper(tampered(part, subject));
  }

  /** A call has taken effect; one of a dead controller's comes as a surprise to its successor. */
  onEffect({ part, operation, subject }: FakeCall, _fate: Fate, life: Life): void {
    if (looks.has(operation)) return;
    if (this.#isOver(life)) this.knowledge.tamper(tampered(part, subject));
    const { machine, services } = this.knowledge;
    this.#jobs.checkOnce();
    for (const service of services) {
      for (const { id } of machine.takers(service)) {
        const name = parseServerId(id);
        if (this.#isOver(life) && name !== undefined) this.knowledge.oracle.adopt(id);
      }
      this.#traffic.checkAddresses(service);
    }
  }

  /** After everything that one moment brought. */
  step(): void {
    if (this.knowledge.upSinceMs === undefined) return;
    for (const service of this.knowledge.services) {
      this.#traffic.step(service);
      this.#progress.step(service);
      this.#jobs.step(service);
      this.#preview.step(service);
    }
  }

  #refresh(service: ServiceKey, store: Store): void {
    const desired = store.desired(service);
    if (desired === undefined) this.knowledge.desired.delete(service);
    else this.knowledge.desired.set(service, desired);
    this.#plan.onDesired(service);
    this.#progress.onDesired(service);
  }

  #isOver(life: Life): boolean {
    return life.isOver || life !== this.#life;
  }
}

/** The server that the controller has decided to take out, if that is what it has just recorded. */
function takenIn(method: string, [first]: readonly unknown[]): ServerId | undefined {
  if (method === "takeTainted") return first as ServerId;
  if (method !== "taint") return undefined;
  const { take, finding } = first as NewTaint;
  return take ? finding.server : undefined;
}

/** The service that a call of the router was about; undefined: all of them. */
function tampered(part: FakeCall["part"], subject: string | undefined): ServiceKey | undefined {
  if (part !== "router" || subject === undefined) return undefined;
  return previewedBy(subject) ?? subject;
}
