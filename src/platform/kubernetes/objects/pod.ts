import type { Release } from "../../../domain/rollout/release.ts";
import type { HealthSpec } from "../../../domain/spec/server-shape.ts";
import type { ImageProcess, PackedImage } from "../../contract/images.ts";
import { environment } from "../../linux/environment.ts";
import { graceOf, graceWithLeaving, leavingOf, leavingVolumes, seconds } from "./leaving.ts";
import { groupName, key, nameOf, type Owner, ownerLabels } from "./names.ts";
import { type PodVolume, secretItem, volumesOf } from "./pod-volumes.ts";

/** The name of the one container that each pod has, and of the port that it listens on. */
export const containerName = "server";

export interface PodInput {
  readonly owner: Owner;
  readonly release: Release;
  readonly image: ImageProcess & Pick<PackedImage, "architecture">;
  /** With the digest: `registry.example/team/shop@sha256:…`. */
  readonly reference: string;
  /** Names of the secrets that registries are logged in to with. */
  readonly pullSecret: string | undefined;
  /** Minor version of the cluster. */
  readonly minor: number;
}

export interface TemplateInput extends PodInput {
  /** Whether new pods take traffic. */
  readonly serving: boolean;
  /** Whether new pods take a part of the traffic with other releases. */
  readonly shared: boolean;
}

/** The labels by which a ReplicaSet knows its pods. */
export function memberLabels(owner: Owner, { service, number }: Pick<Release, "service" | "number">) {
  return { ...groupLabels(owner, { service, number }), [key.member]: "yes" };
}

export function groupLabels(owner: Owner, { service, number }: Pick<Release, "service" | "number">) {
  return { ...ownerLabels(owner), [key.service]: nameOf(service), [key.release]: String(number) };
}

/** For people's own tools: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ */
export function commonLabels({ service, version }: Pick<Release, "service" | "version">) {
  const label = version
    .replace(/[^A-Za-z0-9._-]/g, "-")
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
  return {
    "app.kubernetes.io/name": nameOf(service),
    "app.kubernetes.io/managed-by": "kiln",
    ...(label === "" ? {} : { "app.kubernetes.io/version": label }),
  };
}

/** The template of a release's pods. It is as near to what a local server is as the cluster can come. */
export function podTemplate(input: TemplateInput): object {
  const { owner, release, serving, shared } = input;
  return {
    metadata: {
      labels: {
        ...memberLabels(owner, release),
        ...commonLabels(release),
        [key.serving]: serving ? "yes" : "no",
        ...(shared ? { [key.shared]: "yes" } : {}),
      },
      annotations: { [key.service]: release.service },
    },
    spec: {
      ...podSpec(input, {
        ...{ content: groupName(release.service, release.number), command: input.image.argv },
        more: { ...probeOf(release.health, release.shape.port), ...leavingOf(input) },
        ...{ graceSeconds: graceWithLeaving(input), volumes: leavingVolumes(input) },
      }),
      restartPolicy: "Always",
      topologySpreadConstraints: [
        {
          ...{ maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" },
          labelSelector: {
            matchLabels: { [key.service]: nameOf(release.service), [key.release]: String(release.number) },
          },
        },
      ],
    },
  };
}

/** What a pod that no ReplicaSet makes has of its own. */
export interface OneOffInput {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** After which the cluster ends it. Absent: never. */
  readonly deadlineMs: number | undefined;
}

/** As the release's servers are, without their checks and their traffic; never started a second time. */
export function oneOffPod(input: PodInput, own: OneOffInput): object {
  const { owner, release } = input;
  const { name, labels, annotations, command, deadlineMs } = own;
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: {
      name,
      labels: { ...groupLabels(owner, release), ...commonLabels(release), ...labels },
      annotations: { [key.service]: release.service, ...annotations },
    },
    spec: {
      ...podSpec(input, { content: name, command, more: {}, graceSeconds: graceOf(release), volumes: [] }),
      restartPolicy: "Never",
      ...(deadlineMs === undefined ? {} : { activeDeadlineSeconds: seconds(deadlineMs) }),
    },
  };
}

interface Process {
  /** Of the ConfigMap and the Secret. */
  readonly content: string;
  readonly command: readonly string[];
  /** Of the container. */
  readonly more: object;
  /** Until it is killed, from when it is to end. */
  readonly graceSeconds: number;
  /** Besides the volumes of the release. */
  readonly volumes: readonly PodVolume[];
}

function podSpec(
  { release, image, reference, pullSecret, minor }: PodInput,
  { content, command, more, graceSeconds, volumes: others }: Process,
): object {
  const { shape } = release;
  const volumes = [...volumesOf(release, content), ...others];
  return {
    containers: [
      {
        ...{ name: containerName, image: reference, imagePullPolicy: "IfNotPresent" },
        command: command.map(literal),
        workingDir: image.workingFolder || "/",
        env: variablesOf(release, image, content),
        ...(shape.port === undefined
          ? {}
          : { ports: [{ name: containerName, containerPort: shape.port, protocol: "TCP" }] }),
        resources: resourcesOf(release),
        ...more,
        volumeMounts: volumes.flatMap(({ mounts }) => mounts),
        securityContext: {
          ...{ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, privileged: false },
          capabilities: { drop: ["ALL"] },
        },
        // Last words are in the pod's status, where they outlast its log.
        terminationMessagePolicy: "FallbackToLogsOnError",
      },
    ],
    securityContext: {
      ...{ runAsUser: image.uid, runAsGroup: image.gid, runAsNonRoot: image.uid !== 0 },
      ...(image.groups.length === 0 ? {} : { supplementalGroups: image.groups }),
      // Files of secrets and configuration, and writable paths, belong to it.
      fsGroup: image.gid,
      seccompProfile: { type: "RuntimeDefault" },
      // Without capabilities no server could listen below 1024 otherwise; it counts as safe since 1.22.
      ...(minor >= 22 ? { sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: "0" }] } : {}),
    },
    ...{ automountServiceAccountToken: false, enableServiceLinks: false },
    terminationGracePeriodSeconds: graceSeconds,
    ...(pullSecret === undefined ? {} : { imagePullSecrets: [{ name: pullSecret }] }),
    volumes: volumes.map(({ volume }) => volume),
  };
}

/** `$(NAME)` stands for a variable in commands and values; `$$(NAME)` for itself. */
function literal(text: string): string {
  return text.replaceAll("$(", "$$$$(");
}

function variablesOf(release: Release, image: ImageProcess, content: string): readonly object[] {
  const { service, number, shape, secrets } = release;
  const input = { id: "", service, release: number, image, shape, variables: [] };
  const plain = environment(input).map((line) => {
    const at = line.indexOf("=");
    return { name: line.slice(0, at), value: literal(line.slice(at + 1)) };
  });
  const own = new Map<string, object>(plain.map((variable) => [variable.name, variable]));
  if (shape.env.KILN_SERVER === undefined)
    own.set("KILN_SERVER", { name: "KILN_SERVER", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } });
  secrets.forEach(({ delivery }, index) => {
    if (delivery.kind !== "env") return;
    const secretKeyRef = { name: content, key: secretItem(index) };
    own.set(delivery.variable, { name: delivery.variable, valueFrom: { secretKeyRef } });
  });
  return [...own.values()];
}

/** Equal requests and limits: what a server was promised is its own (quality of service `Guaranteed`). */
function resourcesOf({ shape: { memoryBytes, cpus } }: Release): object {
  const amounts = {
    ...(memoryBytes === undefined ? {} : { memory: String(memoryBytes) }),
    ...(cpus === undefined ? {} : { cpu: `${Math.max(1, Math.round(cpus * 1000))}m` }),
  };
  return Object.keys(amounts).length === 0 ? {} : { requests: amounts, limits: amounts };
}

/** The cluster checks in whole seconds, and never through a command in the server. */
function probeOf(
  { check, intervalMs, timeoutMs, ready, unready }: HealthSpec,
  port: number | undefined,
): object {
  if (check.kind === "alive" || port === undefined) return {};
  return {
    readinessProbe: {
      ...(check.kind === "http"
        ? { httpGet: { path: check.path, port: containerName } }
        : { tcpSocket: { port: containerName } }),
      ...{ periodSeconds: seconds(intervalMs), timeoutSeconds: seconds(timeoutMs) },
      ...{ successThreshold: ready, failureThreshold: unready },
    },
  };
}
