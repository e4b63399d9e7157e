import type { z } from "zod";
import type { ServiceKey } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../contract/call.ts";
import { type Api, ApiRefusal, type ServerVersion } from "./client/api.ts";
import { fieldManager, key, type Owner, policyGroup, selectorOf } from "./objects/names.ts";
import {
  anyObject,
  budgetSchema,
  endpointSliceSchema,
  eventsSchema,
  type FoundBudget,
  type FoundPod,
  type FoundQuota,
  type FoundReplicaSet,
  type FoundService,
  groupVersionSchema,
  podSchema,
  quotaSchema,
  replicaSetSchema,
  serviceSchema,
} from "./view/answers.ts";
import type { View } from "./view/view.ts";

export type Kind =
  | "pods"
  | "services"
  | "configmaps"
  | "secrets"
  | "replicasets"
  | "poddisruptionbudgets"
  | "networkpolicies";

/** The namespace of a target, with what Kiln does there. Everything throws what `Api` throws. */
export class Cluster {
  readonly api: Api;
  readonly owner: Owner;
  readonly #namespace: string | undefined;
  readonly #clock: Clock;
  #slices: Promise<string> | undefined;
  #version: Promise<ServerVersion> | undefined;
  #policy = policyGroup(0);

  /** `namespace`: undefined for the one that the kubeconfig names. */
  constructor(api: Api, owner: Owner, namespace: string | undefined, clock: Clock) {
    this.api = api;
    this.#clock = clock;
    this.owner = owner;
    this.#namespace = namespace;
  }

  get namespace(): string {
    return this.#namespace ?? this.api.namespace ?? "default";
  }

  pathOf(kind: Kind, name?: string): string {
    const groups: Partial<Record<Kind, string>> = {
      replicasets: "/apis/apps/v1",
      networkpolicies: "/apis/networking.k8s.io/v1",
      poddisruptionbudgets: `/apis/${this.#policy}`,
    };
    return `${groups[kind] ?? "/api/v1"}/namespaces/${this.namespace}/${kind}${name === undefined ? "" : `/${name}`}`;
  }

  /** Of one service, or all. ReplicaSets first: what they say of their pods is then no older than the pods. */
  async view({ signal }: Call, service?: ServiceKey): Promise<View> {
    const labels = selectorOf(this.owner, service);
    const of = (kind: Kind) => ({ path: this.pathOf(kind), labels, signal });
    const replicaSets = await this.api.list(of("replicasets"), replicaSetSchema);
    const [pods, services] = await Promise.all([
      this.api.list(of("pods"), podSchema),
      this.api.list(of("services"), serviceSchema),
    ]);
    const isOneOff = ({ metadata }: FoundPod) => metadata.labels[key.oneOff] !== undefined;
    const isPreview = ({ metadata }: FoundService) => metadata.labels[key.preview] !== undefined;
    return {
      replicaSets: replicaSets.items,
      pods: pods.items.filter((pod) => !isOneOff(pod)),
      oneOffs: pods.items.filter(isOneOff),
      services: services.items.filter((service) => !isPreview(service)),
      previews: services.items.filter(isPreview),
      nowMs: this.#clock.now(),
      clockAheadMs: this.api.clockAheadMs,
    };
  }

  /** The same, and what limits how many servers go at once. They come last: a group's budget is there before its first server is asked for. */
  async viewWithBudgets(call: Call, service?: ServiceKey): Promise<View> {
    const view = await this.view(call, service);
    return { ...view, budgets: await this.#budgets(call, service) };
  }

  /** Undefined where the right to list them is missing. */
  async #budgets(call: Call, service?: ServiceKey): Promise<readonly FoundBudget[] | undefined> {
    const { signal } = call;
    const path = await this.budgetsPath(call);
    try {
      return (await this.api.list({ path, labels: selectorOf(this.owner, service), signal }, budgetSchema))
        .items;
    } catch (error) {
      if (error instanceof ApiRefusal && error.status === 403) return undefined;
      throw error;
    }
  }

  /** Which it is depends on the cluster's version. */
  async budgetsPath(call: Pick<Call, "signal">): Promise<string> {
    await this.version(call);
    return this.pathOf("poddisruptionbudgets");
  }

  /** Names of the pods that a Service's traffic goes to. */
  async endpoints(serviceName: string, { signal }: Call): Promise<ReadonlySet<string>> {
    const path = `${await this.#slicesPath(signal)}/namespaces/${this.namespace}/endpointslices`;
    const labels = `kubernetes.io/service-name=${serviceName}`;
    const { items } = await this.api.list({ path, labels, signal }, endpointSliceSchema);
    const all = items.flatMap(({ endpoints }) => endpoints ?? []);
    return new Set(
      all.flatMap(({ conditions, targetRef }) => (conditions.ready === false ? [] : (targetRef?.name ?? []))),
    );
  }

  /** `discovery.k8s.io/v1` is there since 1.21. */
  #slicesPath(signal: AbortSignal): Promise<string> {
    this.#slices ??= this.#ask(signal).catch((error: unknown) => {
      this.#slices = undefined;
      throw error;
    });
    return this.#slices;
  }

  async #ask(signal: AbortSignal): Promise<string> {
    const found = await this.api.read({ path: "/apis/discovery.k8s.io", signal }, groupVersionSchema);
    return `/apis/discovery.k8s.io/${found?.preferredVersion.version ?? "v1"}`;
  }

  async version({ signal }: Pick<Call, "signal">): Promise<ServerVersion> {
    this.#version ??= this.api.version(signal).catch((error: unknown) => {
      this.#version = undefined;
      throw error;
    });
    const found = await this.#version;
    this.#policy = policyGroup(found.minor);
    return found;
  }

  async quotas({ signal }: Call): Promise<readonly FoundQuota[]> {
    const path = `/api/v1/namespaces/${this.namespace}/resourcequotas`;
    return (await this.api.list({ path, signal }, quotaSchema)).items;
  }

  /** What the cluster has noted of a pod for this reason, oldest first. */
  async events(uid: string, reason: string, { signal }: Call): Promise<readonly string[]> {
    const path = `/api/v1/namespaces/${this.namespace}/events`;
    const query = { fieldSelector: `involvedObject.uid=${uid},reason=${reason}`, limit: "20" };
    const page = await this.api.read({ path, query, signal }, eventsSchema);
    return page?.items?.map(({ message }) => message) ?? [];
  }

  /** Makes the object, or makes it what is given, even when someone else had set these fields. Throws `target_taken` when it is not ours. */
  async apply(
    kind: Kind,
    object: object,
    call: Call,
  ): Promise<{ readonly name: string; readonly uid: string }> {
    const { name } = (object as { metadata: { name: string } }).metadata;
    await this.#requireOurs(kind, name, call);
    const applied = await this.api.read(
      {
        ...{ method: "PATCH", path: this.pathOf(kind, name), body: object, signal: call.signal },
        ...{ contentType: "application/apply-patch+yaml", query: { fieldManager, force: "true" } },
      },
      anyObject,
    );
    return { name, uid: applied?.metadata.uid ?? "" };
  }

  async #requireOurs(kind: Kind, name: string, { signal }: Call): Promise<void> {
    const found = await this.api.read({ path: this.pathOf(kind, name), accept: [404], signal }, anyObject);
    if (found !== undefined && !this.#isOurs(found)) throw this.#taken(kind, name);
  }

  #isOurs({ metadata: { labels } }: z.output<typeof anyObject>): boolean {
    return labels[key.installation] === this.owner.tag && labels[key.target] === this.owner.target;
  }

  #taken(kind: Kind, name: string): KilnError {
    return new KilnError(
      "target_taken",
      `The namespace ${this.namespace} has an object ${name} (${kind}) that is not of this target.`,
      {
        hint: "Give the target a namespace of its own, or remove that object.",
        permanent: true,
      },
    );
  }

  /** The pod of that name: this one, or the one that was made before. Throws `target_taken` when that is not ours. */
  async createPod(object: object, call: Call): Promise<FoundPod> {
    const { name } = (object as { metadata: { name: string } }).metadata;
    const { signal } = call;
    const asked = {
      method: "POST",
      path: this.pathOf("pods"),
      body: object,
      query: { fieldManager },
      signal,
    } as const;
    const pod = (await this.api.read({ ...asked, accept: [409] }, podSchema)) ?? (await this.pod(name, call));
    if (pod === undefined) throw this.#taken("pods", name);
    return pod;
  }

  /** A change of labels and annotations; `null` removes one. False when the object is gone, or is no longer as it was seen. */
  async mark(
    kind: "pods" | "replicasets",
    { metadata }: FoundPod | FoundReplicaSet,
    change: object,
    { signal }: Call,
  ): Promise<boolean> {
    const body = {
      ...change,
      metadata: {
        ...("metadata" in change ? (change.metadata as object) : {}),
        resourceVersion: metadata.resourceVersion,
      },
    };
    const done = await this.api.read(
      {
        ...{ method: "PATCH", path: this.pathOf(kind, metadata.name), body, signal },
        ...{ contentType: "application/merge-patch+json", query: { fieldManager }, accept: [404, 409] },
      },
      anyObject,
    );
    return done !== undefined;
  }

  /** What is gone is not an error, nor is another object of the same name. `graceSeconds`: absent for the object's own. `unchanged`: only as it was seen. */
  async remove(
    kind: Kind,
    {
      name,
      uid,
      resourceVersion,
    }: { readonly name: string; readonly uid?: string; readonly resourceVersion?: string },
    { signal }: Call,
    how: { readonly graceSeconds?: number; readonly unchanged?: boolean } = {},
  ): Promise<void> {
    const body = {
      ...{ apiVersion: "v1", kind: "DeleteOptions" },
      preconditions: { uid, ...(how.unchanged ? { resourceVersion } : {}) },
      ...(how.graceSeconds === undefined ? {} : { gracePeriodSeconds: how.graceSeconds }),
      propagationPolicy: "Background",
    };
    await this.api
      .stream({ method: "DELETE", path: this.pathOf(kind, name), body, accept: [404, 409], signal })
      .then((answer) => answer.resume());
  }

  async pod(name: string, { signal }: Call): Promise<FoundPod | undefined> {
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) return undefined;
    const found = await this.api.read({ path: this.pathOf("pods", name), accept: [404], signal }, podSchema);
    return found !== undefined && this.#isOurs(found) ? found : undefined;
  }
}
