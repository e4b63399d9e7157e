import { z } from "zod";
import { KilnError } from "../../../lib/errors.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import type { Api } from "../client/api.ts";
import { kubernetesApi } from "../client/http-api.ts";
import { type ClusterObject, controllerName } from "./manifests.ts";

/** Another one than that of servers' objects: so everyone can see who has set what. */
const installer = "kiln-install";
const lookMs = 500;

export interface Installer {
  readonly kubeconfig: string;
  readonly context: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const plurals: Readonly<Record<string, string>> = {
  ...{ Namespace: "namespaces", ServiceAccount: "serviceaccounts", Role: "roles" },
  ...{ RoleBinding: "rolebindings", ConfigMap: "configmaps", Service: "services" },
  StatefulSet: "statefulsets",
};

/** Asks the cluster whether it would take each object, and changes nothing. Throws what `Api` throws. */
export async function tryAll(user: Installer, objects: readonly ClusterObject[]): Promise<void> {
  const api = kubernetesApi(user);
  // What is in a namespace that is not there yet cannot be tried.
  for (const object of objects) await apply(api, object, user.signal, { tried: true });
}

/** Makes each object, or makes it what is given; may be repeated. Throws what `Api` throws; what was applied before stays. */
export async function applyAll(
  user: Installer,
  objects: readonly ClusterObject[],
  applied: (object: ClusterObject) => void,
): Promise<void> {
  const api = kubernetesApi(user);
  for (const object of objects) {
    await apply(api, object, user.signal, { tried: false });
    applied(object);
  }
}

async function apply(
  api: Api,
  object: ClusterObject,
  signal: AbortSignal,
  { tried }: { readonly tried: boolean },
): Promise<void> {
  const query = { fieldManager: installer, force: "true", ...(tried ? { dryRun: "All" } : {}) };
  const contentType = "application/apply-patch+yaml";
  const accept = tried && object.metadata.namespace !== undefined ? [404] : [];
  await api.read(
    { method: "PATCH", path: pathOf(object), body: object, contentType, query, accept, signal },
    z.unknown(),
  );
}

function pathOf({ apiVersion, kind, metadata: { name, namespace } }: ClusterObject): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = namespace === undefined ? "" : `/namespaces/${namespace}`;
  return `${root}${within}/${plurals[kind]}/${name}`;
}

const setSchema = z.object({
  metadata: z.object({ generation: z.int() }),
  status: z.object({
    observedGeneration: z.int().default(0),
    readyReplicas: z.int().default(0),
    updateRevision: z.string().default(""),
    currentRevision: z.string().default(""),
  }),
});

const podSchema = z.object({
  status: z.object({
    conditions: z
      .array(z.object({ type: z.string(), status: z.string(), message: z.string().optional() }))
      .default([]),
    containerStatuses: z
      .array(
        z.object({
          state: z.object({
            waiting: z.object({ reason: z.string().optional(), message: z.string().optional() }).optional(),
          }),
        }),
      )
      .default([]),
  }),
});

/** Waits until the controller that was applied last answers. Throws `server_failed` with what the cluster says of its pod at the deadline. */
export async function untilControllerReady(
  user: Installer,
  namespace: string,
  deadlineMs: number,
  still: (words: string) => void,
): Promise<void> {
  const api = kubernetesApi(user);
  const endMs = user.clock.elapsed() + deadlineMs;
  let said = "";
  while (!(await isReady(api, namespace, user.signal))) {
    const words = (await whyNotReady(api, namespace, user.signal)) ?? "its pod is not there yet";
    if (words !== said) still(words);
    said = words;
    if (user.clock.elapsed() > endMs) throw notReady(namespace, deadlineMs, words);
    await user.clock.sleep(lookMs, user.signal);
  }
}

async function isReady(api: Api, namespace: string, signal: AbortSignal): Promise<boolean> {
  const path = `/apis/apps/v1/namespaces/${namespace}/statefulsets/${controllerName}`;
  const found = await api.read({ path, signal }, setSchema);
  if (found === undefined) return false;
  const { observedGeneration, readyReplicas, updateRevision, currentRevision } = found.status;
  const isLast = observedGeneration >= found.metadata.generation && updateRevision === currentRevision;
  return isLast && readyReplicas === 1;
}

/** In the cluster's words. */
async function whyNotReady(api: Api, namespace: string, signal: AbortSignal): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${namespace}/pods/${controllerName}-0`;
  const pod = await api.read({ path, accept: [404], signal }, podSchema);
  if (pod === undefined) return undefined;
  const { conditions, containerStatuses } = pod.status;
  const [waiting] = containerStatuses.flatMap(({ state }) => state.waiting ?? []);
  if (waiting !== undefined) return [waiting.reason, waiting.message].filter(Boolean).join(": ");
  return conditions.find(({ status, message }) => status === "False" && message)?.message;
}

function notReady(namespace: string, deadlineMs: number, words: string): KilnError {
  return new KilnError(
    "server_failed",
    `The controller in ${namespace} did not answer within ${deadlineMs / 1000} s: ${words}.`,
    {
      hint: `Everything is applied, and the cluster continues. \`kubectl -n ${namespace} describe pod ${controllerName}-0\` and \`kubectl -n ${namespace} logs ${controllerName}-0\` show more.`,
    },
  );
}
