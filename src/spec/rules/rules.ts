import { healthRules } from "./health-rules.ts";
import { imageRules } from "./image-rules.ts";
import { jobRules } from "./job-rules.ts";
import { placedRules } from "./placed-rules.ts";
import { rolloutRules } from "./rollout-rules.ts";
import type { Breach, RuleInput, SpecRule } from "./rule.ts";
import { serverRules } from "./server-rules.ts";
import { trafficRules } from "./traffic-rules.ts";
import { volumeRules } from "./volume-rules.ts";

const rules: readonly SpecRule[] = [
  ...imageRules,
  ...serverRules,
  ...placedRules,
  ...volumeRules,
  ...healthRules,
  ...trafficRules,
  ...rolloutRules,
  ...jobRules,
];

/** Rules between sections, and rules that a schema cannot express. */
export function breaches(input: RuleInput): Breach[] {
  return rules.flatMap((rule) => [...rule(input)]);
}
