import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readSetup } from "../../../controller/targets/setup.ts";
import { requireValid } from "../../open-target.ts";
import { registry } from "../../registry.ts";
import { missingRights } from "../target/probe.ts";
import { controllerManifests, type InClusterController } from "./manifests.ts";

const asked: InClusterController = {
  ...{ namespace: "kiln", servers: "kiln-servers", target: "cluster", registry: "registry.example/team" },
  image: `registry.example/team/kiln-controller@sha256:${"a".repeat(64)}`,
  ...{ registrySecret: "login", expose: "ClusterIP", hosts: ["kiln.example.com"] },
  registryAuthority: "PEM",
  ...{ storage: "10Gi", storageClass: undefined },
};

// biome-ignore lint/suspicious/noExplicitAny: objects of a cluster, of many kinds
const objects = (some: Partial<InClusterController> = {}): any[] =>
  controllerManifests({ ...asked, ...some }).slice();
const kindsIn = (namespace: string, all = objects()) =>
  all.flatMap(({ kind, metadata }) => (metadata.namespace === namespace ? [kind] : []));

test("the controller has its rights in the namespace of its servers, all that it needs, and none where it runs itself", () => {
  expect(kindsIn("kiln-servers")).toEqual(["Role", "RoleBinding"]);
  expect(kindsIn("kiln")).toEqual(["ServiceAccount", "ConfigMap", "Service", "StatefulSet"]);
  const { rules } = objects().find(({ kind }) => kind === "Role");
  expect(missingRights(rules.map((rule: object) => ({ ...rule, resourceNames: [] })))).toEqual([]);
  const { subjects } = objects().find(({ kind }) => kind === "RoleBinding");
  expect(subjects).toEqual([{ kind: "ServiceAccount", name: "kiln", namespace: "kiln" }]);
});

test("one namespace for both is made once", () => {
  const all = objects({ servers: "kiln" }).filter(({ kind }) => kind === "Namespace");
  expect(all).toEqual([expect.objectContaining({ metadata: expect.objectContaining({ name: "kiln" }) })]);
});

test("its pod meets the restricted standard, and its token expires", () => {
  const { spec } = objects().at(-1).spec.template;
  expect(spec.securityContext).toMatchObject({
    runAsNonRoot: true,
    seccompProfile: { type: "RuntimeDefault" },
  });
  expect(spec.securityContext.runAsUser).toBeGreaterThan(0);
  expect(spec.containers).toHaveLength(1);
  expect(spec.containers[0].securityContext).toEqual({
    ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
    capabilities: { drop: ["ALL"] },
  });
  expect(spec.automountServiceAccountToken).toBe(false);
  const kinds = spec.volumes.map((volume: object) => Object.keys(volume)[1]);
  expect(kinds).toEqual(["configMap", "emptyDir", "projected", "secret", "configMap"]);
});

test("a controller reads its setup, whose target is a valid one; another setup makes another pod", async () => {
  const folder = mkdtempSync("/tmp/kiln-");
  const text = (some = {}) => objects(some).find(({ kind }) => kind === "ConfigMap").data["setup.json"];
  const path = join(folder, "setup.json");
  writeFileSync(path, text());
  const setup = await readSetup(path);
  rmSync(folder, { recursive: true });
  expect(setup?.listen?.names).toEqual(["kiln.example.com", "kiln.kiln.svc"]);
  const [[name = "", target] = []] = Object.entries(setup?.targets ?? {});
  expect(name).toBe("cluster");
  expect(target?.options["pull-secret"]).toBe("login");
  if (target !== undefined) requireValid(registry, { name, ...target });
  const mark = (some = {}) => objects(some).at(-1).spec.template.metadata.annotations["kiln.dev/setup"];
  expect(mark({ registry: "other.example" })).not.toBe(mark());
});
