import { z } from "zod";
import type { IntegrityTier } from "../../../domain/drift/drift.ts";
import { KilnError, toKilnError } from "../../../lib/errors.ts";
import type { Call } from "../../contract/call.ts";
import type { Gap, Readiness } from "../../contract/readiness.ts";
import type { Cluster } from "../cluster.ts";

/** The oldest that is tested: discovery and policy of that time are in use until 1.25. */
const oldestMinor = 20;

interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  /** What is missing without it. Absent: everything. */
  readonly only?: string;
}

const change = ["get", "list", "watch", "create", "patch", "delete"];

/** All that Kiln does in its namespace, and nothing outside of it. */
export const rights: readonly Right[] = [
  { group: "apps", resource: "replicasets", verbs: change },
  { group: "", resource: "pods", verbs: ["get", "list", "watch", "patch", "delete"] },
  { group: "", resource: "pods", verbs: ["create"], only: "jobs and `kiln server reproduce`" },
  { group: "", resource: "pods/log", verbs: ["get"] },
  { group: "", resource: "services", verbs: change },
  { group: "", resource: "configmaps", verbs: change },
  // Contents of secrets are for no one to list.
  { group: "", resource: "secrets", verbs: ["get", "create", "patch", "delete"] },
  {
    ...{
      group: "policy",
      resource: "poddisruptionbudgets",
      verbs: ["get", "list", "watch", "create", "patch"],
    },
    only: "limits to how many servers go at once when nodes are emptied",
  },
  {
    ...{ group: "networking.k8s.io", resource: "networkpolicies", verbs: ["get", "create", "patch"] },
    only: "cutting the network of servers in quarantine",
  },
  { group: "discovery.k8s.io", resource: "endpointslices", verbs: ["list"] },
  { group: "", resource: "events", verbs: ["list"] },
  { group: "", resource: "resourcequotas", verbs: ["list"] },
];

/** What only `kiln exec` needs: a WebSocket is a GET, and since 1.35 a create as well. It is a right to change every server, so no one is asked for it before. */
const execRight: Right = { group: "", resource: "pods/exec", verbs: ["get", "create"] };

/** Throws `exec_refused` with the Role to apply. */
export async function requireExecRight(cluster: Cluster, call: Call): Promise<void> {
  const { namespace } = cluster;
  const [missing] = missingRights(await rulesOf(cluster, call), [execRight]);
  if (missing === undefined) return;
  const what = `${missing.resource} (${missing.verbs.join(", ")})`;
  throw new KilnError(
    "exec_refused",
    `The user of the kubeconfig may not run commands in pods of the namespace ${namespace}: ${what}.`,
    { hint: `Let an administrator apply this Role:\n${roleText(namespace, [...rights, execRight])}` },
  );
}

const rulesSchema = z.object({
  status: z.object({
    resourceRules: z
      .array(
        z.object({
          verbs: z.array(z.string()),
          apiGroups: z.array(z.string()).default([]),
          resources: z.array(z.string()).default([]),
          resourceNames: z.array(z.string()).default([]),
        }),
      )
      .default([]),
  }),
});

type Rule = z.output<typeof rulesSchema>["status"]["resourceRules"][number];

/** See `Platform.probe`. */
export async function probeCluster(cluster: Cluster, registry: string, call: Call): Promise<Readiness> {
  try {
    const version = await cluster.version(call);
    const rules = await rulesOf(cluster, call);
    const missing = missingRights(rules);
    const letsIn = missingRights(rules, [execRight]).length === 0;
    const gaps = [
      ...rightsGaps(cluster.namespace, missing),
      ...(version.minor < oldestMinor ? [oldGap(version.text)] : []),
    ];
    return {
      usable: gaps.every(({ severity }) => severity === "degraded"),
      gaps,
      facts: [
        `Kubernetes ${version.text}, namespace ${cluster.namespace}`,
        `images through ${registry.replace(/^https?:\/\//, "")}`,
        letsIn ? "`kiln exec` works" : "`kiln exec` is refused: the right to `pods/exec` is missing",
      ],
      integrity,
    };
  } catch (error) {
    const { message, hint } = toKilnError(error);
    const gap: Gap = {
      what: message,
      remedy: hint ?? "Ask the cluster with `kubectl` and the same kubeconfig.",
      severity: "fatal",
    };
    return { usable: false, gaps: [gap], facts: [] };
  }
}

async function rulesOf({ api, namespace }: Cluster, { signal }: Call): Promise<readonly Rule[]> {
  const body = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace } };
  const path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
  const found = await api.read({ method: "POST", path, body, signal }, rulesSchema);
  return found?.status.resourceRules ?? [];
}

/** Pure: what is needed and not in the rules. */
export function missingRights(rules: readonly Rule[], wanted = rights): readonly Right[] {
  return wanted.flatMap((right) => {
    const verbs = right.verbs.filter((verb) => !rules.some((rule) => allows(rule, right, verb)));
    return verbs.length === 0 ? [] : [{ ...right, verbs }];
  });
}

function allows(
  { verbs, apiGroups, resources, resourceNames }: Rule,
  { group, resource }: Right,
  verb: string,
): boolean {
  const has = (list: readonly string[], value: string) => list.includes("*") || list.includes(value);
  const whole = resources.includes(`*/${resource.split("/")[1] ?? ""}`);
  return (
    resourceNames.length === 0 &&
    has(verbs, verb) &&
    has(apiGroups, group) &&
    (has(resources, resource) || whole)
  );
}

/** Pure. */
export function rightsGaps(namespace: string, missing: readonly Right[]): readonly Gap[] {
  const remedy = `Let an administrator apply this Role and bind it to that user (\`kubectl create rolebinding kiln -n ${namespace} --role kiln --user …\`):\n${roleText(namespace)}`;
  const words = (some: readonly Right[]) =>
    some.map(({ resource, verbs }) => `${resource} (${verbs.join(", ")})`).join("; ");
  const needed = missing.filter(({ only }) => only === undefined);
  if (needed.length > 0) {
    const what = `The user of the kubeconfig may not do what Kiln needs in the namespace ${namespace}: ${words(missing)}.`;
    return [{ what, remedy, severity: "fatal" }];
  }
  const without = missing.map((right) => `${words([right])}: ${right.only}`).join("; ");
  const what = `The user of the kubeconfig may not do everything in the namespace ${namespace}. What is missing, and what it is for: ${without}.`;
  return missing.length === 0 ? [] : [{ what, remedy, severity: "degraded" }];
}

/** The Role with all that Kiln needs, as `kubectl apply` takes it. */
export function roleText(namespace: string, wanted = rights): string {
  const rules = wanted.map(
    ({ group, resource, verbs }) =>
      `- {apiGroups: ["${group}"], resources: ["${resource}"], verbs: [${verbs.join(", ")}]}`,
  );
  return [
    ...[
      "apiVersion: rbac.authorization.k8s.io/v1",
      "kind: Role",
      `metadata: {name: kiln, namespace: ${namespace}}`,
    ],
    ...["rules:", ...rules],
  ].join("\n");
}

function oldGap(text: string): Gap {
  return {
    what: `The cluster is Kubernetes ${text}; Kiln needs 1.${oldestMinor} or newer.`,
    remedy: "Upgrade the cluster.",
    severity: "fatal",
  };
}

/** What keeps servers there from being changed, and what no one sees. */
const integrity: IntegrityTier = {
  name: "watch",
  facts: [
    {
      what: "changing its files from within",
      speed: "prevented",
      how: "the root file system is read-only; what its release declares writable is memory",
    },
    {
      what: "changing configuration and secrets",
      speed: "prevented",
      how: "ConfigMaps and Secrets are immutable and belong to one release",
    },
    {
      what: "changing its pod: image, labels, an ephemeral container (kubectl debug)",
      speed: "seconds",
      how: "the API server records which tool has changed which field; a tool may give another name",
    },
    {
      what: "running a command in it (kubectl exec), or on its node",
      speed: "unseen",
      how: "that changes no object of the API; `servers.maxAge` limits how long its effect lasts",
    },
  ],
};
