import type { Call } from "../../contract/call.ts";
import { ApiRefusal } from "../client/api.ts";
import type { Cluster } from "../cluster.ts";
import { budgetObject, type GroupMark, protects } from "../objects/objects.ts";
import type { FoundReplicaSet } from "../view/answers.ts";
import { serviceKeyOf, sizeOf, type View } from "../view/view.ts";

/** Against those that empty nodes. The right to do that may be missing: `kiln target show` says so. */
export async function protect(cluster: Cluster, group: GroupMark, call: Call): Promise<void> {
  const { minor } = await cluster.version(call);
  try {
    await cluster.apply("poddisruptionbudgets", budgetObject(group, minor), call);
  } catch (error) {
    if (!(error instanceof ApiRefusal) || error.status !== 403) throw error;
  }
}

export function markOf(set: FoundReplicaSet): GroupMark {
  const { name, uid, labels } = set.metadata;
  return { name, uid, labels, service: serviceKeyOf(set) ?? "" };
}

/** Pure: groups whose budget someone has deleted or changed. */
export function unprotected({ replicaSets, budgets }: View): readonly FoundReplicaSet[] {
  if (budgets === undefined) return [];
  const budgetOf = (set: FoundReplicaSet) =>
    budgets.find(({ metadata }) => metadata.name === set.metadata.name);
  return replicaSets.filter((set) => {
    if (sizeOf(set) === 0 || set.metadata.deletionTimestamp !== undefined) return false;
    const budget = budgetOf(set);
    return budget === undefined || !protects(budget, set.metadata.labels);
  });
}
