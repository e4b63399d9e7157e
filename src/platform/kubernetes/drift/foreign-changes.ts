import { z } from "zod";
import { fieldManager } from "../objects/names.ts";

const strings = z.record(z.string(), z.string()).default({});

/** An object with who manages which of its fields: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management */
export const managedSchema = z.object({
  metadata: z.object({
    name: z.string(),
    uid: z.string(),
    labels: strings,
    annotations: strings,
    managedFields: z
      .array(
        z.object({
          manager: z.string().default(""),
          time: z.string().optional(),
          subresource: z.string().optional(),
          fieldsV1: z.record(z.string(), z.unknown()).default({}),
        }),
      )
      .default([]),
  }),
});

/** Fields of an object that someone other than Kiln and the cluster itself has set last. */
export interface ForeignChange {
  /** What the tool calls itself (`kubectl-edit`), never a person; a tool may take any name. */
  readonly manager: string;
  /** Of its last change: Unix time in ms, in whole seconds. */
  readonly atMs: number;
  /** `spec.containers`, `metadata.labels.kiln.dev/member`. */
  readonly fields: readonly string[];
}

/** Those that make pods of a ReplicaSet, place and run them. */
const cluster = new Set(["kube-controller-manager", "kube-scheduler", "kubelet", "kube-apiserver"]);

/** Pure. What others write into status, and labels and annotations that are not ours, change nothing of a server. */
export function foreignChanges({ metadata }: z.output<typeof managedSchema>): readonly ForeignChange[] {
  return metadata.managedFields.flatMap(({ manager, time, subresource, fieldsV1 }) => {
    if (manager === fieldManager || cluster.has(manager) || subresource === "status") return [];
    const fields = fieldsOf(fieldsV1);
    return fields.length === 0 ? [] : [{ manager, atMs: Date.parse(time ?? "") || 0, fields }];
  });
}

function fieldsOf(tree: Readonly<Record<string, unknown>>): readonly string[] {
  const inner = (name: string) => namesIn(tree[`f:${name}`]).map((field) => `${name}.${field}`);
  const { "f:metadata": metadata } = tree;
  const marks = ["labels", "annotations"].flatMap((kind) =>
    namesIn(isTree(metadata) ? metadata[`f:${kind}`] : undefined)
      .filter((name) => name.startsWith("kiln.dev/"))
      .map((name) => `metadata.${kind}.${name}`),
  );
  return [...inner("spec"), ...inner("data"), ...inner("binaryData"), ...marks];
}

/** Names have `f:` in front; `.` stands for the object itself. */
function namesIn(tree: unknown): readonly string[] {
  return isTree(tree)
    ? Object.keys(tree).flatMap((name) => (name.startsWith("f:") ? [name.slice(2)] : []))
    : [];
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
