import type { MapEntry, YamlTree } from "../../yaml/tree.ts";
import type { Notes } from "../notes.ts";
import { sizeOf } from "../units.ts";

export interface Scale {
  readonly count: number;
  readonly memory: string | undefined;
  readonly cpus: number | undefined;
}

/** `deploy`, and the older keys for the same. */
export function scaleOf(service: ReadonlyMap<string, MapEntry>, notes: Notes): Scale {
  const deploy = notes.entries(service.get("deploy")?.value);
  const resources = notes.entries(deploy.get("resources")?.value);
  const limits = notes.entries(resources.get("limits")?.value);
  for (const [key, { value }] of deploy)
    if (!["replicas", "resources"].includes(key)) deployRemark(key, value, notes);
  const reserved = resources.get("reservations")?.value;
  if (reserved)
    notes.remark(
      reserved,
      "Kiln reserves nothing: `reservations` is not taken over.",
      "Write limits: `servers.memory` and `servers.cpus`.",
    );
  for (const [key, { value }] of limits)
    if (!["memory", "cpus"].includes(key))
      notes.remark(value, `The limit \`${key}\` is not taken over.`, "A server may have 1024 processes.");
  return {
    count: countOf(deploy.get("replicas")?.value ?? service.get("scale")?.value, notes),
    memory: size(limits.get("memory")?.value ?? service.get("mem_limit")?.value, notes),
    cpus: cpusOf(limits.get("cpus")?.value ?? service.get("cpus")?.value, notes),
  };
}

const deployHints: Readonly<Record<string, string>> = {
  update_config:
    "`rollout` says how servers are replaced: rolling, one more than needed at a time, is the default.",
  rollback_config: "A failed rollout is rolled back by itself: `rollout.onFailure`.",
  restart_policy: "A server that has ended is always replaced by another one.",
  mode: "`servers.count` is the number of servers, on one machine.",
  labels: "For a proxy's rules write `traffic.host` and `traffic.paths`.",
  placement: "`target` says where a service runs.",
  endpoint_mode: "Clients reach servers by `traffic`.",
};

function deployRemark(key: string, at: YamlTree, notes: Notes): void {
  notes.remark(
    at,
    `\`deploy.${key}\` is not taken over.`,
    deployHints[key] ?? "docs/kiln-yaml.md lists the keys that there are.",
  );
}

function countOf(tree: YamlTree | undefined, notes: Notes): number {
  const text = notes.text(tree);
  if (tree === undefined || text === undefined) return 1;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0 && count <= 1000) return count;
  notes.error(tree, `\`${text}\` is not a number of servers; expected a whole number from 0 to 1000.`);
  return 1;
}

export function size(tree: YamlTree | undefined, notes: Notes): string | undefined {
  const text = notes.text(tree);
  if (tree === undefined || text === undefined) return undefined;
  const found = sizeOf(text);
  if (found === undefined) notes.error(tree, `\`${text}\` is not a size; expected one such as 512m or 1g.`);
  return found;
}

function cpusOf(tree: YamlTree | undefined, notes: Notes): number | undefined {
  const text = notes.text(tree);
  if (tree === undefined || text === undefined) return undefined;
  const cpus = Number(text);
  if (cpus >= 0.01 && cpus <= 1024) return cpus;
  if (cpus !== 0) notes.error(tree, `\`${text}\` is not a number of cores; expected one from 0.01 to 1024.`);
  return undefined;
}
