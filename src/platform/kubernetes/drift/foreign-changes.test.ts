import { expect, test } from "vitest";
import { foreignChanges, managedSchema } from "./foreign-changes.ts";

const time = "2026-01-01T00:00:05Z";

function changesBy(manager: string, fieldsV1: object, more = {}) {
  const metadata = { name: "shop-1-x", uid: "u", managedFields: [{ manager, time, fieldsV1, ...more }] };
  return foreignChanges(managedSchema.parse({ metadata }));
}

const image = { "f:spec": { "f:containers": { 'k:{"name":"server"}': { "f:image": {} } } } };

test.each([
  ["a changed image", "kubectl-set", image, ["spec.containers"]],
  ["a number of pods", "kubectl-scale", { "f:spec": { "f:replicas": {} } }, ["spec.replicas"]],
  [
    "a debugger",
    "kubectl-debug",
    { "f:spec": { "f:ephemeralContainers": {} } },
    ["spec.ephemeralContainers"],
  ],
  [
    "a label of ours",
    "kubectl-label",
    { "f:metadata": { "f:labels": { "f:kiln.dev/member": {} } } },
    ["metadata.labels.kiln.dev/member"],
  ],
  ["content", "kubectl-edit", { "f:data": { ".": {}, "f:key": {} } }, ["data.key"]],
])("%s is seen, with the tool and the time", (_, manager, fields, expected) => {
  expect(changesBy(manager, fields)).toEqual([{ manager, atMs: Date.parse(time), fields: expected }]);
});

test.each([
  ["Kiln itself", "kiln", image, {}],
  ["the cluster's own parts", "kube-controller-manager", image, {}],
  ["a status", "some-agent", { "f:status": { "f:phase": {} } }, {}],
  ["a status of newer versions", "some-agent", image, { subresource: "status" }],
  [
    "labels and annotations of others",
    "linkerd",
    { "f:metadata": { "f:annotations": { ".": {}, "f:linkerd.io/x": {} } } },
    {},
  ],
])("%s is not a foreign change", (_, manager, fields, more) => {
  expect(changesBy(manager, fields, more)).toEqual([]);
});
