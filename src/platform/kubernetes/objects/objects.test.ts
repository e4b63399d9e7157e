import { describe, expect, test } from "vitest";
import { release } from "../../fake/testing.ts";
import { groupName, nameOf, trafficSelector } from "./names.ts";
import {
  contentObjects,
  type GroupInput,
  leavingObject,
  type OwnerReference,
  replicaSet,
  serviceObject,
} from "./objects.ts";
import { sleepProgram } from "./sleep-program.ts";

const owner = { tag: "0123abcd", target: "prod" };
const image: GroupInput["image"] = {
  ...{
    digest: "sha256:1",
    argv: ["/shop", "$(HOME)"],
    env: ["HOME=/srv"],
    uid: 1000,
    gid: 1001,
    groups: [7],
  },
  ...{ workingFolder: "/srv", stopSignal: "TERM", architecture: "amd64" },
};

function input(change: Parameters<typeof release>[1] = {}, more: Partial<GroupInput> = {}): GroupInput {
  const made = release(3, change);
  return {
    ...{ owner, release: made, image, reference: "registry.example/shop@sha256:1", pullSecret: undefined },
    ...{
      serving: true,
      shared: false,
      minor: 31,
      group: { release: made, drainMs: 1000 },
      size: 2,
      replicas: 2,
    },
    ...more,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: an object as the cluster gets it
const podOf = (object: object) => (object as any).spec.template.spec;

test("a pod cannot write, has no rights and no token, and its image is pinned", () => {
  const pod = podOf(replicaSet(input()));
  expect(pod).toMatchObject({
    ...{ automountServiceAccountToken: false, enableServiceLinks: false },
    securityContext: {
      runAsUser: 1000,
      runAsGroup: 1001,
      runAsNonRoot: true,
      supplementalGroups: [7],
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [
      {
        image: "registry.example/shop@sha256:1",
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
        },
      },
    ],
  });
  expect(pod.containers).toHaveLength(1);
  expect(pod.containers[0]).not.toHaveProperty("livenessProbe");
});

test("what stands for a variable in Kubernetes stands for itself", () => {
  const { shape } = release(3);
  const [container] = podOf(replicaSet(input({ shape: { ...shape, env: { A: "$(B) $C" } } }))).containers;
  expect(container.command).toEqual(["/shop", "$$(HOME)"]);
  expect(container.env).toContainEqual({ name: "A", value: "$$(B) $C" });
  expect(container.env).toContainEqual({
    name: "KILN_SERVER",
    valueFrom: { fieldRef: { fieldPath: "metadata.name" } },
  });
});

test("the sysctl for low ports is left out where the cluster does not count it as safe", () => {
  expect(podOf(replicaSet(input())).securityContext.sysctls).toHaveLength(1);
  expect(podOf(replicaSet(input({}, { minor: 20 }))).securityContext).not.toHaveProperty("sysctls");
});

describe("a server that others end", () => {
  const traffic = { listen: 80, mode: "http" as const, host: undefined };
  const { shape } = release(3);
  const change = { traffic, shape: { ...shape, stop: { graceMs: 20_000 } } };
  const set: OwnerReference = {
    ...({ apiVersion: "apps/v1", kind: "ReplicaSet" } as const),
    ...{ name: "shop-3", uid: "u" },
  };

  test("answers for five seconds more, which the cluster waits by itself", () => {
    const pod = podOf(replicaSet(input(change)));
    expect(pod.containers[0].lifecycle).toEqual({ preStop: { sleep: { seconds: 5 } } });
    expect(pod.terminationGracePeriodSeconds).toBe(25);
    expect(leavingObject(input(change), set)).toBeUndefined();
  });

  test("has a program for that where the cluster cannot, which goes with its group", () => {
    const old = input(change, { minor: 29 });
    const pod = podOf(replicaSet(old));
    const [{ lifecycle, volumeMounts }] = pod.containers;
    expect(lifecycle).toEqual({ preStop: { exec: { command: ["/.kiln/sleep"] } } });
    expect(pod.terminationGracePeriodSeconds).toBe(25);
    expect(volumeMounts).toContainEqual({ name: "sleep", mountPath: "/.kiln", readOnly: true });
    const items = [{ key: "sleep", path: "sleep", mode: 0o555 }];
    expect(pod.volumes).toContainEqual({
      name: "sleep",
      configMap: { name: "shop-3-sleep", items, optional: true },
    });
    const program = Buffer.from(sleepProgram("amd64", 5) ?? []).toString("base64");
    expect(leavingObject(old, set)).toMatchObject({
      ...{ kind: "ConfigMap", immutable: true, binaryData: { sleep: program } },
      metadata: { name: "shop-3-sleep", ownerReferences: [set], labels: { "kiln.dev/release": "3" } },
    });
  });

  test("ends at once where it has no traffic, or no program is known for its machine", () => {
    const other = { ...image, architecture: "riscv64" };
    for (const each of [
      input({ ...change, traffic: undefined }),
      input({ ...change, traffic: undefined }, { minor: 29 }),
      input(change, { minor: 29, image: other }),
    ]) {
      const pod = podOf(replicaSet(each));
      expect(pod.containers[0]).not.toHaveProperty("lifecycle");
      expect(pod.terminationGracePeriodSeconds).toBe(20);
      expect(leavingObject(each, set)).toBeUndefined();
    }
  });
});

test("the selector of a ReplicaSet matches its template, and never another release", () => {
  const { spec } = replicaSet(input()) as {
    spec: { selector: { matchLabels: Record<string, string> }; template: { metadata: { labels: object } } };
  };
  expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
  expect(spec.selector.matchLabels).toMatchObject({
    "kiln.dev/release": "3",
    "kiln.dev/service": "shop",
    "kiln.dev/installation": "0123abcd",
  });
});

test("files and secrets are immutable, belong to the ReplicaSet, and are mounted where the release says", () => {
  const file = { to: "/etc/shop.conf", mode: 0o640, digest: "sha256:f" };
  const secrets = [
    { name: "A", version: 1, delivery: { kind: "file" as const, path: "/run/secrets/a" } },
    { name: "B", version: 2, delivery: { kind: "file" as const, path: "/etc/b.pem" } },
    { name: "C", version: 3, delivery: { kind: "env" as const, variable: "C_KEY" } },
  ];
  const change = { files: [file], secrets };
  const content = {
    files: [{ ...file, bytes: Buffer.from("conf") }],
    secrets: secrets.map((secret) => ({ secret, value: Buffer.from(secret.name) })),
  };
  const { configMap, secret } = contentObjects(owner, release(3, change), content, {
    ...{ apiVersion: "apps/v1", kind: "ReplicaSet" },
    ...{ name: "shop-3", uid: "u" },
  });
  const own = {
    immutable: true,
    metadata: { name: "shop-3", ownerReferences: [{ kind: "ReplicaSet", uid: "u" }] },
  };
  expect(configMap).toMatchObject({
    ...own,
    binaryData: { "file-0": Buffer.from("conf").toString("base64") },
  });
  expect(secret).toMatchObject({ ...own, data: { "secret-1": Buffer.from("B").toString("base64") } });
  const pod = podOf(replicaSet(input(change)));
  const [{ volumeMounts, env }] = pod.containers;
  expect(volumeMounts).toContainEqual({
    name: "files",
    mountPath: "/etc/shop.conf",
    subPath: "file-0",
    readOnly: true,
  });
  expect(volumeMounts).toContainEqual({ name: "secrets", mountPath: "/run/secrets", readOnly: true });
  expect(volumeMounts).toContainEqual({
    name: "secrets-apart",
    mountPath: "/etc/b.pem",
    subPath: "secret-1",
    readOnly: true,
  });
  expect(env).toContainEqual({
    name: "C_KEY",
    valueFrom: { secretKeyRef: { name: "shop-3", key: "secret-2" } },
  });
  expect(pod.volumes).toContainEqual({
    name: "secrets",
    secret: { secretName: "shop-3", items: [{ key: "secret-0", path: "a", mode: 0o400 }] },
  });
});

test("one release is selected by its number, several by their mark, and drained pods by neither", () => {
  expect(trafficSelector(owner, "shop", [3])).toMatchObject({
    "kiln.dev/release": "3",
    "kiln.dev/serving": "yes",
  });
  const both = trafficSelector(owner, "shop", [3, 4]);
  expect(both).toMatchObject({ "kiln.dev/shared": "yes", "kiln.dev/serving": "yes" });
  expect(both).not.toHaveProperty("kiln.dev/release");
  const traffic = { mode: "http" as const, listen: 8080, host: undefined };
  expect(
    serviceObject({ owner, service: "shop", traffic, exposure: "ClusterIP", releases: [3] }),
  ).toMatchObject({
    spec: { type: "ClusterIP", ports: [{ port: 8080, targetPort: "server" }] },
  });
});

test("names are the service's own where they can be, else short, valid and not another service's", () => {
  expect(nameOf("shop")).toBe("shop");
  expect(groupName("shop", 12)).toBe("shop-12");
  const long = `${"a".repeat(32)}.${"b".repeat(32)}`;
  const names = ["shop.production", "shop-production", long, `${long}c`].map(nameOf);
  expect(new Set(names).size).toBe(4);
  for (const name of names) expect(name).toMatch(/^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/);
});
