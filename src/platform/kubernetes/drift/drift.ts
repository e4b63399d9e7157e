import type { z } from "zod";
import type { Finding } from "../../../domain/drift/drift.ts";
import { clauseOf, type KilnError } from "../../../lib/errors.ts";
import type { Logger } from "../../../lib/log.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import type { Call } from "../../contract/call.ts";
import type { DriftNotice, DriftSource } from "../../contract/drift-source.ts";
import type { Cluster, Kind } from "../cluster.ts";
import { key, selectorOf } from "../objects/names.ts";
import { anyObject } from "../view/answers.ts";
import { releaseOf, serviceKeyOf } from "../view/view.ts";
import { type ForeignChange, foreignChanges, managedSchema } from "./foreign-changes.ts";
import { follow } from "./informer.ts";

type Managed = z.output<typeof managedSchema>;

/** What is looked at besides pods: a foreign change there concerns no single server. */
const others = {
  ...{ replicasets: "ReplicaSet", services: "Service", configmaps: "ConfigMap" },
  poddisruptionbudgets: "PodDisruptionBudget",
} as const;

export interface ClusterDriftParts {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Tells what others have changed of the cluster's objects, by the field managers that the API server records. Pods are findings; other objects are
 * notices. A command in a pod (`kubectl exec`) leaves no trace in its object.
 */
export function startClusterDrift({ cluster, clock, log }: ClusterDriftParts): DriftSource {
  const ended = new AbortController();
  const finders = new Set<(finding: Finding) => void>();
  const noticers = new Set<(notice: DriftNotice) => void>();
  const findings = new Map<string, readonly Finding[]>();

  function lookAtPod(pod: Managed): void {
    if (pod.metadata.labels[key.oneOff] !== undefined) return; // no server
    const before = findings.get(pod.metadata.uid) ?? [];
    const seen = foreignChanges(pod).flatMap((change) => findingOf(pod, change) ?? []);
    const isKnown = (one: Finding) =>
      before.some(({ kind, subject }) => kind === one.kind && subject === one.subject);
    const fresh = seen.filter((one) => !isKnown(one));
    // A taint is for good: what someone has changed back counts.
    findings.set(pod.metadata.uid, [...before, ...fresh]);
    for (const finding of fresh) {
      log.warn({ ...finding }, "a server has drifted");
      for (const tell of finders) tell(finding);
    }
  }

  function lookAtOther(word: string, told: Map<string, ReadonlySet<string>>, object: Managed): void {
    const { uid } = object.metadata;
    const before = told.get(uid);
    const changes = new Map(foreignChanges(object).map((one) => [`${one.manager} ${one.atMs}`, one]));
    told.set(uid, new Set([...(before ?? []), ...changes.keys()]));
    for (const [which, change] of changes) if (!before?.has(which)) tellAll(noticeOf(word, object, change));
  }

  function tellAll(notice: DriftNotice): void {
    log.warn({ ...notice.data }, notice.message);
    for (const tell of noticers) tell(notice);
  }

  /** `known`: what is kept of objects, by uid, as long as they are there. */
  function start(kind: Kind, known: Map<string, unknown>, look: (object: Managed) => void): void {
    const isOptional = kind === "poddisruptionbudgets"; // a Role may lack it
    void follow({
      ...{ api: cluster.api, clock, log, labels: selectorOf(cluster.owner) },
      ...{ schema: managedSchema, signal: ended.signal },
      path: isOptional ? (signal) => cluster.budgetsPath({ signal }) : cluster.pathOf(kind),
      listed: (all) => {
        keepOnly(known, all);
        all.forEach(look);
      },
      changed: (object, type) => {
        if (type === "DELETED") known.delete(object.metadata.uid);
        else look(object);
        if (type === "DELETED" && isOptional) void lookAtLoss(object);
      },
      ...(isOptional ? {} : { blind: (error: KilnError) => tellAll(blindNotice(kind, error)) }),
    });
  }

  /** It goes with its group. Where that is still there, someone has deleted it. */
  async function lookAtLoss(budget: Managed): Promise<void> {
    const { signal } = ended;
    const path = cluster.pathOf("replicasets", budget.metadata.name);
    const group = await cluster.api.read({ path, accept: [404], signal }, anyObject).catch(() => undefined);
    if (group !== undefined && group.metadata.deletionTimestamp === undefined)
      tellAll(lossNotice(others.poddisruptionbudgets, budget, clock.now()));
  }

  start("pods", findings, lookAtPod);
  for (const [kind, word] of Object.entries(others)) {
    const told = new Map<string, ReadonlySet<string>>();
    start(kind as keyof typeof others, told, (object) => lookAtOther(word, told, object));
  }

  return {
    watch: (found) => added(finders, found),
    watchNotices: (tell) => added(noticers, tell),
    findings: () => [...findings.values()].flat().toSorted((a, b) => a.atMs - b.atMs),
    async inspect({ signal }: Call) {
      const path = cluster.pathOf("pods");
      const { items } = await cluster.api.list(
        { path, labels: selectorOf(cluster.owner), signal },
        managedSchema,
      );
      keepOnly(findings, items);
      items.forEach(lookAtPod);
      return this.findings();
    },
    async [Symbol.asyncDispose]() {
      ended.abort();
    },
  };
}

function added<T>(set: Set<T>, one: T): Disposable {
  set.add(one);
  return { [Symbol.dispose]: () => void set.delete(one) };
}

function findingOf(pod: Managed, { manager, atMs, fields }: ForeignChange): Finding | undefined {
  const service = serviceKeyOf(pod);
  if (service === undefined) return undefined;
  const isDebugger = fields.includes("spec.ephemeralContainers");
  return {
    ...{ server: pod.metadata.name, service, release: releaseOf(pod), atMs, who: manager, seenBy: "watch" },
    kind: isDebugger ? "process" : "bundle",
    subject: fields.join(", "),
    detail: isDebugger
      ? `${manager} has put a container into the pod`
      : `${manager} has changed ${fields.join(", ")} of the pod`,
  };
}

function keepOnly(known: Map<string, unknown>, all: readonly Managed[]): void {
  const there = new Set(all.map(({ metadata }) => metadata.uid));
  for (const uid of known.keys()) if (!there.has(uid)) known.delete(uid);
}

function blindNotice(kind: Kind, error: KilnError): DriftNotice {
  const reason = `the cluster does not let Kiln follow its ${kind}: ${clauseOf(error)}`;
  return {
    kind: "drift.tier",
    message: `Kiln does not see changes by others: ${reason}.`,
    data: { tier: "none", reason },
  };
}

function lossNotice(word: string, object: Managed, atMs: number): DriftNotice {
  const name = `${word} ${object.metadata.name}`;
  return {
    kind: "drift.object",
    message: `Someone has deleted the ${name}.`,
    data: { object: name, service: serviceKeyOf(object), fields: [], atMs },
  };
}

function noticeOf(word: string, object: Managed, { manager, atMs, fields }: ForeignChange): DriftNotice {
  const { name } = object.metadata;
  const data = { object: `${word} ${name}`, service: serviceKeyOf(object), who: manager, fields, atMs };
  return {
    kind: "drift.object",
    message: `${manager} has changed ${fields.join(", ")} of the ${word} ${name}.`,
    data,
  };
}
