import { stringify } from "yaml";
import type { ChangePlan } from "../api.ts";

/** One YAML document for each object, in the order in which they would be made. Tools that read YAML 1.1 read the same. */
export function manifestLines({ manifests = [], digest }: ChangePlan): string[] {
  if (manifests.length === 0) return [`# Nothing would be applied. Digest of the plan: ${digest}`];
  const how = { aliasDuplicateObjects: false, compat: "yaml-1.1", lineWidth: 0 } as const;
  return [
    `# What the plan ${digest} leads to.`,
    "# Values of secrets are masked (****, in Base64). The cluster gives each object its uid: an owner that is not there yet has none but zeros.",
    ...manifests.flatMap((object) => ["---", stringify(object, how).trimEnd()]),
  ];
}
