import type { ReproductionId, ServerId, ServiceKey } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import type { Shares } from "../../domain/rollout/actions.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import { createKeyedLocks } from "../../lib/locks.ts";
import type { Access } from "../contract/access.ts";
import type { Call } from "../contract/call.ts";
import type { Evidence, Taint } from "../contract/evidence.ts";
import type { JobRunner } from "../contract/jobs.ts";
import type { Candidate, GroupSpec, PlannedCall, Platform } from "../contract/platform.ts";
import type { Readiness } from "../contract/readiness.ts";
import type { LogReader } from "../contract/reading.ts";
import type { KubernetesContext } from "./context.ts";
import { follow } from "./drift/informer.ts";
import { manifestsOf } from "./groups/manifests.ts";
import { resizeGroup } from "./groups/resize.ts";
import { previewService, routeService } from "./groups/route.ts";
import { drain, servicesWithChores, tend } from "./groups/tend.ts";
import { logReader } from "./logs.ts";
import { selectorOf } from "./objects/names.ts";
import { OneOffs } from "./one-off/one-offs.ts";
import { quarantinePod } from "./quarantine/quarantine.ts";
import { access } from "./sessions/access.ts";
import { requireSupported } from "./target/preflight.ts";
import { probeCluster } from "./target/probe.ts";
import { publishImage } from "./target/publish.ts";
import { podSchema, replicaSetSchema, serviceSchema } from "./view/answers.ts";
import { FailureMemory } from "./view/failures.ts";
import { observationOf } from "./view/observation.ts";
import { isGoing, serviceKeyOf, type View } from "./view/view.ts";

/**
 * Groups of servers as ReplicaSets of a Kubernetes cluster, one for each release, and their traffic as Services. See docs/kubernetes.md. What has to
 * wait (a drain, a deadline) is on record in the cluster, and is done after a later look.
 */
export class KubernetesPlatform implements Platform, AsyncDisposable {
  readonly name = "kubernetes";
  readonly split = "servers";
  readonly logs: LogReader;
  readonly jobs: JobRunner;
  readonly exec: Access;
  readonly #host: KubernetesContext;
  readonly #oneOffs: OneOffs;
  readonly #failures = new FailureMemory();
  readonly #inTurn = createKeyedLocks();
  /** How many changes of each service are under way. */
  readonly #changing = new Map<ServiceKey, number>();
  readonly #watchers = new Set<(service: ServiceKey) => void>();
  readonly #ended = new AbortController();

  constructor(host: KubernetesContext) {
    this.#host = host;
    this.logs = logReader(host.cluster);
    this.#oneOffs = new OneOffs(host);
    const { check, isolate, enter } = access(host);
    this.exec = {
      check: (server, command, call) => this.#guarded(call, () => check(server, command, call)),
      isolate: (server, call) => this.#guarded(call, () => isolate(server, call)),
      enter: (order, call) => this.#guarded(call, () => enter(order, call)),
    };
    this.jobs = {
      run: (order, call) => this.#change(order.release.service, call, () => this.#oneOffs.run(order, call)),
      end: (job, call) => this.#guarded(call, () => this.#oneOffs.end(job, call)),
      forget: (job, call) => this.#guarded(call, () => this.#oneOffs.forget(job, call)),
    };
  }

  probe(call: Call): Promise<Readiness> {
    return probeCluster(this.#host.cluster, this.#host.registry, call);
  }

  async observe(call: Call): Promise<Observation> {
    const { cluster } = this.#host;
    const view = await this.#guarded(call, () => cluster.viewWithBudgets(call));
    this.#failures.note(view);
    await this.#tend(view, call);
    const oneOffs = await this.#guarded(call, () => this.#oneOffs.observed(view, call));
    return { ...observationOf(view, cluster.namespace, this.#failures), ...oneOffs };
  }

  resize(group: GroupSpec, size: number, call: Call): Promise<void> {
    return this.#change(
      group.release.service,
      call,
      () => resizeGroup(this.#host, group, size, call),
      group.drainMs,
    );
  }

  route(service: ServiceKey, shares: Shares, releases: readonly Release[], call: Call): Promise<void> {
    return this.#change(service, call, () => routeService(this.#host, service, shares, releases, call));
  }

  async quarantine(server: ServerId, reason: Taint, call: Call): Promise<Evidence> {
    return this.#guarded(call, () => quarantinePod(this.#host, server, reason, call));
  }

  preview(service: ServiceKey, release: Release | undefined, call: Call): Promise<void> {
    return this.#change(service, call, () => previewService(this.#host, service, release, call));
  }

  async reproduce(server: ServerId, release: Release, call: Call): Promise<ReproductionId> {
    let id: ReproductionId = "";
    await this.#change(release.service, call, async () => {
      id = await this.#oneOffs.reproduce(server, release, call);
    });
    return id;
  }

  async retire(server: ServerId, call: Call): Promise<void> {
    const { cluster, clock } = this.#host;
    const pod = await this.#guarded(call, () => cluster.pod(server, call));
    const service = pod && serviceKeyOf(pod);
    if (pod === undefined || service === undefined) return;
    await this.#change(service, call, async () => {
      for (;;) {
        const view = await cluster.view(call, service);
        const found = view.pods.find(({ metadata }) => metadata.uid === pod.metadata.uid);
        if (found === undefined || isGoing(found)) return;
        if (await drain(cluster, view, found, clock.now(), call, { apart: true })) return;
      }
    });
  }

  async destroy(server: ServerId, call: Call): Promise<void> {
    await this.#guarded(call, async () => {
      const { cluster } = this.#host;
      const pod = await cluster.pod(server, call);
      if (pod !== undefined) await cluster.remove("pods", pod.metadata, call, { graceSeconds: 1 });
    });
  }

  async preflight(release: Candidate, call: Call): Promise<void> {
    requireSupported(release);
    if (release.image !== undefined) await this.#host.images.check(release.image, call);
  }

  manifests(
    planned: readonly PlannedCall[],
    contents: ReadonlyMap<string, Uint8Array>,
    call: Call,
  ): Promise<readonly object[]> {
    return this.#guarded(call, () => manifestsOf(this.#host, planned, contents, call));
  }

  publish(release: Pick<Release, "service" | "image">, call: Call): Promise<void> {
    return this.#guarded(call, () => publishImage(this.#host, release, call));
  }

  watch(changed: (service: ServiceKey) => void): Disposable {
    const watcher = (service: ServiceKey) => changed(service);
    if (this.#watchers.size === 0 && !this.#ended.signal.aborted) this.#follow();
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watchers.clear();
    this.#ended.abort();
  }

  /** One change of a service at a time; what has to wait afterwards is looked after when it is due. */
  async #change(service: ServiceKey, call: Call, work: () => Promise<void>, dueMs = 0): Promise<void> {
    this.#changing.set(service, (this.#changing.get(service) ?? 0) + 1);
    try {
      await this.#inTurn(service, () => this.#guarded(call, work));
    } finally {
      const left = (this.#changing.get(service) ?? 1) - 1;
      if (left > 0) this.#changing.set(service, left);
      else this.#changing.delete(service);
    }
    if (dueMs > 0) void this.#lookLater(service, dueMs);
  }

  async #lookLater(service: ServiceKey, afterMs: number): Promise<void> {
    await this.#host.clock.sleep(afterMs + 100, this.#ended.signal).catch(() => {});
    this.#tell(service);
  }

  /** Of a service that is being changed, the look may show no more than a half: its turn comes with the next one. */
  async #tend(view: View, call: Call): Promise<void> {
    const { cluster, clock, log } = this.#host;
    const gaveUp: Parameters<typeof tend>[3] = (service, failure, uid) =>
      this.#failures.add(service, failure, uid);
    await this.#oneOffs.tend(view, call);
    for (const service of servicesWithChores(view, clock.now())) {
      if (this.#changing.has(service)) continue;
      try {
        await this.#inTurn(service, async () =>
          tend(cluster, await cluster.viewWithBudgets(call, service), clock.now(), gaveUp, call),
        );
      } catch (error) {
        call.signal.throwIfAborted();
        log.warn({ service, error: toKilnError(error).message }, "left for the next look");
      }
    }
  }

  /** Node.js has errors of its own for signals that fire; ours say what it means. */
  async #guarded<T>({ signal }: Call, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (error instanceof KilnError || !signal.aborted) throw error;
      throw new KilnError("cancelled", "The call was cancelled or took too long.", {
        cause: error,
        retry: true,
      });
    }
  }

  #follow(): void {
    const { cluster, clock, log } = this.#host;
    const { api, owner } = cluster;
    const tell = (object: Parameters<typeof serviceKeyOf>[0]) => this.#tell(serviceKeyOf(object));
    const common = { api, clock, log, labels: selectorOf(owner), signal: this.#ended.signal, changed: tell };
    const listed = (objects: readonly Parameters<typeof serviceKeyOf>[0][]) => {
      for (const service of new Set(objects.map(serviceKeyOf))) this.#tell(service);
    };
    void follow({ ...common, listed, path: cluster.pathOf("pods"), schema: podSchema });
    void follow({ ...common, listed, path: cluster.pathOf("replicasets"), schema: replicaSetSchema });
    void follow({ ...common, listed, path: cluster.pathOf("services"), schema: serviceSchema });
  }

  #tell(service: ServiceKey | undefined): void {
    if (service !== undefined) for (const watcher of this.#watchers) watcher(service);
  }
}
