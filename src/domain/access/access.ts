import { type ServiceKey, serviceOf } from "../ids.ts";

/** What someone may be allowed over the network. Nothing is allowed by default, and no role takes anything away. */
export type Role = (typeof roles)[number];

export const roles = ["viewer", "deployer", "approver", "operator", "admin"] as const;

/** Kinds of what can be asked for: `steer` is what people do with a rollout, `operate` what they do with servers, data and secrets. */
export type Right = "view" | "deploy" | "steer" | "approve" | "operate" | "administer";

const rightsOf: { readonly [Name in Role]: readonly Right[] } = {
  viewer: ["view"],
  deployer: ["view", "deploy", "steer"],
  approver: ["view", "approve"],
  operator: ["view", "steer", "operate"],
  admin: ["view", "deploy", "steer", "approve", "operate", "administer"],
};

/** A role for some services in some environments. */
export interface Grant {
  readonly role: Role;
  /** Names of services; `*` stands for any characters. */
  readonly services: readonly string[];
  /** Names of environments in the same way; `-` is a service without an environment. */
  readonly environments: readonly string[];
  /** A deployer may also begin rollouts against policies; an admin may anyway. */
  readonly breakGlass?: true | undefined;
}

/**
 * What a request is about, and so whose grants count:
 * - `service`: the field `service` of its argument.
 * - `repository`: the same field, the name of a service in all environments: one environment is enough to view and to deploy.
 * - `server`, `rollout`, `image`: the service that the field of the argument belongs to.
 * - `services`, `repositories`: its answer is a list or a stream of items, and shows the items whose services may be viewed.
 * - `installation`: no single service, so it needs a grant for all of them.
 */
export type NeedSubject =
  | "service"
  | "repository"
  | "server"
  | "rollout"
  | "image"
  | "services"
  | "repositories"
  | "installation";

/**
 * What a request needs over the network: a right to its subject; `local`: it is not served there, `public`: it brings its own proof,
 * `self`: any token.
 */
export type Need = "local" | "public" | "self" | `${Right} ${NeedSubject}`;

/** The parts of a need that is a right to a subject. */
export function partsOf(need: Exclude<Need, "local" | "public" | "self">): {
  readonly right: Right;
  readonly subject: NeedSubject;
} {
  const [right, subject] = need.split(" ") as [Right, NeedSubject];
  return { right, subject };
}

/** In a grant, a service that has no environment. */
export const noEnvironment = "-";

/** The first grant that gives the right to this service in its environment. */
export function grantFor(grants: readonly Grant[], right: Right, key: ServiceKey): Grant | undefined {
  const service = serviceOf(key);
  const environment = key.slice(service.length + 1) || noEnvironment;
  return grants.find(
    (grant) =>
      gives(grant, right) && names(grant.services, service) && names(grant.environments, environment),
  );
}

/** Whether a grant lets its holder begin rollouts of this service against policies. */
export function mayBreakGlass(grants: readonly Grant[], key: ServiceKey): boolean {
  const strong = grants.filter(({ role, breakGlass }) => role === "admin" || breakGlass === true);
  return grantFor(strong, "deploy", key) !== undefined;
}

/** The first grant that gives the right to images of this name: to view and to deploy in one environment, otherwise in all. */
export function grantForImages(grants: readonly Grant[], right: Right, service: string): Grant | undefined {
  const oneIsEnough = right === "view" || right === "deploy";
  return grants.find(
    (grant) =>
      gives(grant, right) &&
      names(grant.services, service) &&
      (oneIsEnough || grant.environments.includes("*")),
  );
}

/** The first grant that gives the right to everything. */
export function grantForAll(grants: readonly Grant[], right: Right): Grant | undefined {
  return grants.find(
    (grant) => gives(grant, right) && grant.services.includes("*") && grant.environments.includes("*"),
  );
}

/** Roles that give the right, for messages. */
export function rolesWith(right: Right): readonly Role[] {
  return roles.filter((role) => rightsOf[role].includes(right));
}

/** `deployer of shop in production`, `admin of every service`. */
export function grantText({ role, services, environments, breakGlass }: Grant): string {
  const which = services.includes("*") ? "every service" : services.join(", ");
  const where = environments.includes("*") ? "" : ` in ${environments.map(environmentText).join(", ")}`;
  return `${role} of ${which}${where}${breakGlass ? ", with break-glass" : ""}`;
}

function environmentText(environment: string): string {
  return environment === noEnvironment ? "no environment" : environment;
}

function gives({ role }: Grant, right: Right): boolean {
  return rightsOf[role].includes(right);
}

function names(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matches(pattern, name));
}

/** Whether the text is of the form of the pattern, in which `*` stands for any characters. Takes time linear in both. */
export function matches(pattern: string, text: string): boolean {
  const [head = "", ...rest] = pattern.split("*");
  const tail = rest.pop();
  if (tail === undefined) return text === pattern;
  if (!text.startsWith(head) || text.length < head.length + tail.length || !text.endsWith(tail)) return false;
  let from = head.length;
  const end = text.length - tail.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at === -1 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}
