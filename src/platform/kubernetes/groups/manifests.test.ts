import { expect, test } from "vitest";
import { digestOf } from "../../../lib/files/sha256.ts";
import { silentLog } from "../../../lib/log.ts";
import type { PlannedCall } from "../../contract/platform.ts";
import { call, release } from "../../fake/testing.ts";
import { json, serverThat } from "../client/testing.ts";
import { Cluster } from "../cluster.ts";
import type { KubernetesContext } from "../context.ts";
import { manifestsOf } from "./manifests.ts";

const opened = async () => {
  throw new Error("a plan opens no secret, and no content that is not its own");
};
const image = {
  ...{
    digest: "sha256:1",
    architecture: "amd64",
    config: "sha256:2",
    argv: ["/shop"],
    env: [],
    uid: 1,
    gid: 1,
  },
  ...{ groups: [], workingFolder: "/", stopSignal: "TERM", archive: async function* () {} },
};

async function clusterThatIsEmpty(asked: string[]) {
  const server = await serverThat(({ method = "", address: { pathname } }, answer) => {
    asked.push(method);
    if (pathname === "/version") return json(answer, { major: "1", minor: "31", gitVersion: "v1.31.0" });
    return json(answer, { metadata: { resourceVersion: "7" }, items: [] });
  });
  const host: KubernetesContext = {
    cluster: new Cluster(server.api, { tag: "i", target: "t" }, undefined, server.clock),
    images: { check: async () => {}, push: opened, pack: async () => image, requireCommand: opened },
    sessions: "/nonexistent",
    ...{ secrets: { newest: opened, open: opened }, configs: { open: opened } },
    ...{ clock: server.clock, log: silentLog, registry: "http://registry.example/team" },
    ...{ pullSecret: undefined, exposure: "ClusterIP", settleMs: 0 },
  };
  return { host, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const text = "colour: green\n";
const made = release(3, {
  secrets: [{ name: "PASSWORD", version: 2, delivery: { kind: "file", path: "/run/secrets/PASSWORD" } }],
  files: [{ to: "/etc/shop.yaml", mode: 0o444, digest: digestOf(text) }],
  traffic: { mode: "http", listen: 80, host: undefined, preview: 81 },
});
const job = { name: "migrate", when: "before", command: ["/migrate"], deadlineMs: 60_000 } as const;
const planned: readonly PlannedCall[] = [
  { kind: "run-job", order: { release: made, rollout: 7, job } },
  { kind: "resize", group: { release: made, drainMs: 1000 }, size: 2 },
  { kind: "route", service: "shop", shares: [{ release: 3, share: 1 }], releases: [made] },
  { kind: "preview", service: "shop", release: made },
];

test("a plan's objects are in the order in which they are made, and no secret is opened for them", async () => {
  const asked: string[] = [];
  await using cluster = await clusterThatIsEmpty(asked);
  const contents = new Map([[digestOf(text), Buffer.from(text)]]);
  const objects = await manifestsOf(cluster.host, planned, contents, call);
  expect(
    objects.map((object) => {
      const { kind, metadata } = object as { kind: string; metadata: { name: string; namespace: string } };
      return `${kind} ${metadata.namespace}/${metadata.name}`;
    }),
  ).toEqual([
    ...["Pod shop/shop-3-r7-migrate", "ConfigMap shop/shop-3-r7-migrate", "Secret shop/shop-3-r7-migrate"],
    ...["ReplicaSet shop/shop-3", "ConfigMap shop/shop-3", "Secret shop/shop-3"],
    ...["PodDisruptionBudget shop/shop-3", "Service shop/shop", "Service shop/shop--preview"],
  ]);
  const [, , , set, files, secret, , service] = objects;
  expect(set).toMatchObject({
    spec: { replicas: 2, template: { metadata: { labels: { "kiln.dev/serving": "yes" } } } },
  });
  expect(files).toMatchObject({ binaryData: { "file-0": Buffer.from(text).toString("base64") } });
  expect(Object.values((secret as { data: object }).data)).toEqual([Buffer.from("****").toString("base64")]);
  expect(service).toMatchObject({ spec: { selector: { "kiln.dev/release": "3" }, ports: [{ port: 80 }] } });
  expect(new Set(asked)).toEqual(new Set(["GET"]));
});
