import { createHash } from "node:crypto";
import type { Exposure } from "../objects/objects.ts";
import { rights } from "../target/probe.ts";

/** What a controller in a cluster is to be. */
export interface InClusterController {
  /** Of the controller itself. */
  readonly namespace: string;
  /** Of the servers: the one where the controller has rights. */
  readonly servers: string;
  /** `registry.example/kiln-controller@sha256:…`. */
  readonly image: string;
  /** Where the controller pushes images to, and nodes pull them from. */
  readonly registry: string;
  /** A Secret of the type `kubernetes.io/dockerconfigjson`, of this name in both namespaces. Undefined: the registry asks for no login. */
  readonly registrySecret: string | undefined;
  /** PEM, of the authority that certifies the registry. Undefined: one that Node.js knows. */
  readonly registryAuthority: string | undefined;
  /** The name of the controller's target. */
  readonly target: string;
  readonly expose: Exposure;
  /** More names by which clients reach the controller. */
  readonly hosts: readonly string[];
  /** A quantity of Kubernetes: `10Gi`. */
  readonly storage: string;
  /** Undefined: the cluster's own. */
  readonly storageClass: string | undefined;
}

/** The name of all its objects. */
export const controllerName = "kiln";
export const apiPort = 7443;
/** Any user but root: nothing of the image belongs to it. */
const controllerUser = 65532;
/** Of the volume, and the state folder on it: the controller makes the folder, so that it belongs to its user. */
const stateVolume = "/state";
const stateFolder = `${stateVolume}/kiln`;
const setupFolder = "/etc/kiln";
const loginFolder = "/etc/kiln-registry";
/** containers-certs.d(5) */
const authoritiesFolder = "/etc/containers/certs.d";
const authorityKey = "registry-ca.crt";

/** Pure: the objects, in the order in which they are applied. */
export function controllerManifests(asked: InClusterController): readonly ClusterObject[] {
  return [
    namespace(asked.namespace, "restricted"),
    ...(asked.servers === asked.namespace ? [] : [namespace(asked.servers, "baseline")]),
    object("v1", "ServiceAccount", asked.namespace, { automountServiceAccountToken: false }),
    object("rbac.authorization.k8s.io/v1", "Role", asked.servers, {
      rules: rights.map(({ group, resource, verbs }) => ({
        ...{ apiGroups: [group], resources: [resource], verbs: [...verbs] },
      })),
    }),
    object("rbac.authorization.k8s.io/v1", "RoleBinding", asked.servers, {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: controllerName },
      subjects: [{ kind: "ServiceAccount", name: controllerName, namespace: asked.namespace }],
    }),
    object("v1", "ConfigMap", asked.namespace, { data: dataOf(asked) }),
    object("v1", "Service", asked.namespace, {
      spec: {
        ...{ type: asked.expose, selector: marks },
        ports: [{ name: "api", port: apiPort, targetPort: "api", protocol: "TCP" }],
        // Who cannot log in yet is to reach it too, and what it says meanwhile is worth reading.
        publishNotReadyAddresses: true,
      },
    }),
    object("apps/v1", "StatefulSet", asked.namespace, { spec: statefulSet(asked) }),
  ];
}

export interface ClusterObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const marks = { "app.kubernetes.io/name": controllerName, "app.kubernetes.io/component": "controller" };
const labels = { ...marks, "app.kubernetes.io/managed-by": "kiln-install" };

function object(apiVersion: string, kind: string, space: string, more: object): ClusterObject {
  return { apiVersion, kind, metadata: { name: controllerName, namespace: space, ...{ labels } }, ...more };
}

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/: servers whose image runs as root need `baseline`. */
function namespace(name: string, level: "restricted" | "baseline"): ClusterObject {
  const levels = { "pod-security.kubernetes.io/enforce": level };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, ...{ labels: levels } } };
}

function dataOf(asked: InClusterController): Readonly<Record<string, string>> {
  const { registryAuthority: authority } = asked;
  return { "setup.json": setupText(asked), ...(authority ? { [authorityKey]: authority } : {}) };
}

/** What `kiln controller run --setup` reads. */
function setupText(asked: InClusterController): string {
  const { namespace: space, servers, registry, registrySecret, hosts, target } = asked;
  const own = `${controllerName}.${space}.svc`;
  const setup = {
    local: false,
    listen: { address: `:${apiPort}`, names: [...hosts, own] },
    targets: {
      [target]: {
        platform: "kubernetes",
        options: {
          ...{ namespace: servers, registry },
          ...(registrySecret === undefined ? {} : { "pull-secret": registrySecret }),
        },
      },
    },
  };
  return `${JSON.stringify(setup, undefined, 2)}\n`;
}

function statefulSet(asked: InClusterController): object {
  const { storage, storageClass } = asked;
  return {
    // Two controllers never run at once: a StatefulSet makes the next pod when the last one is certainly gone.
    ...{ replicas: 1, serviceName: controllerName, podManagementPolicy: "OrderedReady" },
    selector: { matchLabels: marks },
    template: {
      metadata: {
        labels,
        annotations: {
          "kubectl.kubernetes.io/default-container": "controller",
          // Another setup makes another pod.
          "kiln.dev/setup": createHash("sha256")
            .update(JSON.stringify(dataOf(asked)))
            .digest("hex")
            .slice(0, 16),
        },
      },
      spec: podSpec(asked),
    },
    volumeClaimTemplates: [
      {
        metadata: { name: "state" },
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage } },
          ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
        },
      },
    ],
  };
}

function podSpec({ registry, registrySecret, registryAuthority, image }: InClusterController): object {
  const env = { KILN_HOME: stateFolder, ...(registrySecret ? { DOCKER_CONFIG: loginFolder } : {}) };
  const mounts = {
    state: stateVolume,
    setup: setupFolder,
    account: "/var/run/secrets/kubernetes.io/serviceaccount",
    temporary: "/tmp",
    ...(registrySecret ? { registry: loginFolder } : {}),
    ...(registryAuthority ? { authorities: authoritiesFolder } : {}),
  };
  return {
    ...{ serviceAccountName: controllerName, automountServiceAccountToken: false, enableServiceLinks: false },
    // What runs is written down before it is done: ending the controller at any moment loses nothing.
    terminationGracePeriodSeconds: 30,
    ...(registrySecret ? { imagePullSecrets: [{ name: registrySecret }] } : {}),
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: controllerUser, runAsGroup: controllerUser },
      ...{ fsGroup: controllerUser, fsGroupChangePolicy: "OnRootMismatch" },
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [
      {
        ...{ name: "controller", image, imagePullPolicy: "IfNotPresent" },
        command: ["/usr/bin/kiln", "controller", "run", "--setup", `${setupFolder}/setup.json`],
        env: Object.entries(env).map(([name, value]) => ({ name, value })),
        ports: [{ name: "api", containerPort: apiPort, protocol: "TCP" }],
        readinessProbe: { tcpSocket: { port: "api" }, periodSeconds: 2 },
        securityContext: {
          ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
          capabilities: { drop: ["ALL"] },
        },
        resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "512Mi" } },
        volumeMounts: Object.entries(mounts).map(([name, mountPath]) => ({
          ...{ name, mountPath },
          ...(["state", "temporary"].includes(name) ? {} : { readOnly: true }),
        })),
      },
    ],
    volumes: [
      { name: "setup", configMap: { name: controllerName } },
      { name: "temporary", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } },
      { name: "account", projected: { sources: accountSources } },
      ...(registrySecret ? [{ name: "registry", secret: loginSecret(registrySecret) }] : []),
      ...(registryAuthority ? [{ name: "authorities", configMap: authorityOf(registry) }] : []),
    ],
  };
}

function loginSecret(name: string): object {
  return { secretName: name, items: [{ key: ".dockerconfigjson", path: "config.json" }] };
}

/** A mount's path has no colon, a path within a volume may. */
function authorityOf(registry: string): object {
  const [host = ""] = registry.replace(/^http:\/\//, "").split("/");
  return { name: controllerName, items: [{ key: authorityKey, path: `${host}/ca.crt` }] };
}

/** A token that the kubelet renews, also where the cluster's own still last forever (before 1.21). */
const accountSources = [
  { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
  { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
  {
    downwardAPI: {
      items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
    },
  },
];
