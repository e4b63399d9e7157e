import { expect, test } from "vitest";
import { parse } from "yaml";
import { missingRights, rights, rightsGaps, roleText } from "./probe.ts";

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly verbs: string[];
}

test("the Role that is printed has all that is needed", () => {
  const { rules, metadata } = parse(roleText("web")) as { rules: Rule[]; metadata: object };
  expect(metadata).toEqual({ name: "kiln", namespace: "web" });
  expect(missingRights(rules.map((rule) => ({ ...rule, resourceNames: [] })))).toEqual([]);
  expect(missingRights([])).toEqual(rights);
});

test("what is missing is named, verb by verb; a right for some names alone is none", () => {
  const all = { apiGroups: ["*"], resources: ["*"], resourceNames: [] };
  expect(missingRights([{ ...all, verbs: ["*"] }])).toEqual([]);
  expect(
    missingRights([{ ...all, verbs: ["get", "list", "watch", "create", "patch"] }]).map(
      ({ resource, verbs }) => [resource, verbs],
    ),
  ).toEqual(
    ["replicasets", "pods", "services", "configmaps", "secrets"].map((resource) => [resource, ["delete"]]),
  );
  expect(missingRights([{ ...all, verbs: ["*"], resourceNames: ["shop"] }])).toEqual(rights);
});

test("what is needed for a part alone makes that part fail, and nothing else", () => {
  const isPart = (right: (typeof rights)[number]) => right.only !== undefined;
  const [gap, ...others] = rightsGaps("web", rights.filter(isPart));
  expect(others).toEqual([]);
  expect(gap).toMatchObject({ severity: "degraded", remedy: expect.stringContaining("kind: Role") });
  expect(gap?.what).toContain("pods (create): jobs");
  expect(rightsGaps("web", rights)).toMatchObject([{ severity: "fatal" }]);
  expect(rightsGaps("web", [])).toEqual([]);
});
