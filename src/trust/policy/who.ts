import { matches } from "../../domain/access/access.ts";
import type { Beginner, Person } from "../../domain/access/actor.ts";
import { type ServiceKey, serviceOf } from "../../domain/ids.ts";
import type { AdmissionRule } from "../../domain/policy/admission.ts";
import type { PolicyRule } from "../../domain/policy/policy.ts";

/** Who begins the rollout of a service, and what is asked about that alone. */
export interface StartedBy {
  readonly service: ServiceKey;
  readonly person: Person;
  /** Whether that is a pipeline. */
  readonly pipeline: boolean;
  /** As what that one counts where a policy says who may. */
  readonly beginner: Beginner;
  /** Whether its servers may ask the cloud's metadata service. */
  readonly metadata?: boolean | undefined;
}

/** What the rule says that only pipelines begin rollouts. */
export function pipelineVerdict(
  { person, pipeline: passed, service }: StartedBy,
  { environment }: PolicyRule,
  place: string,
): AdmissionRule {
  const where = whereOf(environment, service);
  return {
    ...{ kind: "pipeline", mode: "enforce", passed, place },
    because: passed
      ? `${person.name} is a pipeline`
      : `only pipelines change ${where}, and ${person.name} is none`,
    ...(passed ? {} : { remedy: "Let the pipeline of its CI run this command." }),
  };
}

/** What the rule says that names who begins rollouts. */
export function fromVerdict(
  { person, beginner, service }: StartedBy,
  rule: Extract<PolicyRule, { readonly kind: "from" }>,
  place: string,
): AdmissionRule {
  const passed = beginner.names.some((name) => rule[beginner.kind].some((form) => matches(form, name)));
  const where = whereOf(rule.environment, service);
  const listed = (["people", "pipelines", "repositories"] as const)
    .filter((kind) => rule[kind].length > 0)
    .map((kind) => `${kind} ${rule[kind].join(", ")}`)
    .join("; ");
  const who = beginner.kind === "people" ? person.name : beginner.names.join("+");
  return {
    ...{ kind: "from", mode: "enforce", passed, place },
    because: passed
      ? `${who} may begin rollouts of ${where}`
      : `rollouts of ${where} are begun by ${listed}, and ${who} is not among them`,
    ...(passed ? {} : { remedy: "Let one of them run this command." }),
  };
}

/** What the rule says about the metadata service of a cloud; nothing where servers may not ask it. */
export function metadataVerdicts(
  { service, metadata }: StartedBy,
  { services }: Extract<PolicyRule, { readonly kind: "metadata" }>,
  place: string,
): readonly AdmissionRule[] {
  if (metadata !== true) return [];
  const name = serviceOf(service);
  const passed = services.some((form) => matches(form, name));
  return [
    {
      ...{ kind: "metadata", mode: "enforce", passed, place },
      because: passed
        ? `${name} may open the cloud's metadata service to its servers`
        : `${name} opens the cloud's metadata service to its servers, and ${services.length === 0 ? "no service may" : `only ${services.join(", ")} may`}`,
      ...(passed ? {} : { remedy: "Remove `network.metadata` from kiln.yaml." }),
    },
  ];
}

/** The environment that a rule is for, where it names one. */
function whereOf(environment: string, service: ServiceKey): string {
  return environment === "*" || environment === "none" ? service : environment;
}
