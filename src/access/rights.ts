import type { ContractEntry } from "../api/contract/entry.ts";
import {
  type Grant,
  grantFor,
  grantForAll,
  grantForImages,
  grantText,
  mayBreakGlass,
  partsOf,
  type Right,
  rolesWith,
} from "../domain/access/access.ts";
import type { ServiceKey } from "../domain/ids.ts";
import { KilnError } from "../lib/errors.ts";

/** Finds what requests are about that name no service. */
export interface Owners {
  /** The service that a server, a reproduction or a job's server is or was of. */
  server(id: string): Promise<ServiceKey | undefined>;
  rollout(id: number): ServiceKey | undefined;
  /** Names of services that have an image of this digest. */
  image(digest: string): Promise<readonly string[]>;
}

/**
 * Why these grants do not allow this request; undefined when they do. What belongs to no service that is known needs a grant for all: a stranger
 * does not learn whether it exists.
 */
export async function mayUse(
  grants: readonly Grant[],
  { needs }: Pick<ContractEntry, "needs">,
  asked: Readonly<Record<string, unknown>>,
  owners: Owners,
): Promise<KilnError | undefined> {
  if (needs === "public" || needs === "self") return undefined;
  if (needs === "local") return new KilnError("forbidden", "This is not served over the network.");
  const { right, subject } = partsOf(needs);
  if (subject === "services" || subject === "repositories") return undefined; // each item is decided about
  if (grantForAll(grants, right) !== undefined) return undefined;
  switch (subject) {
    case "service":
      return forService(grants, right, asked.service as ServiceKey);
    case "repository": {
      const service = asked.service as string;
      return grantForImages(grants, right, service) === undefined
        ? forbidden(grants, right, service)
        : undefined;
    }
    case "server":
      return forService(grants, right, await owners.server(asked.server as string));
    case "rollout":
      return forService(grants, right, owners.rollout((asked.id ?? asked.rollout) as number));
    case "image": {
      const services = await owners.image(asked.digest as string);
      const isOurs = services.some((service) => grantForImages(grants, right, service) !== undefined);
      return isOurs ? undefined : forbidden(grants, right, undefined);
    }
    case "installation":
      return forbidden(grants, right, undefined);
  }
}

function forService(
  grants: readonly Grant[],
  right: Right,
  service: ServiceKey | undefined,
): KilnError | undefined {
  const isOurs = service !== undefined && grantFor(grants, right, service) !== undefined;
  return isOurs ? undefined : forbidden(grants, right, service);
}

/** What a deploy, the check before it and a promotion ask, as far as it is about policies. */
interface Overriding {
  readonly service?: ServiceKey;
  readonly breakGlass?: boolean;
  readonly begin?: { readonly breakGlass?: boolean };
}

/** Why these grants do not allow this rollout against policies; undefined when they do, and when it is none. */
export function mayOverride(grants: readonly Grant[], asked: Overriding): KilnError | undefined {
  const { service, breakGlass, begin } = asked;
  if (service === undefined || !(breakGlass || begin?.breakGlass) || mayBreakGlass(grants, service))
    return undefined;
  return new KilnError(
    "forbidden",
    `Break-glass needs a grant of its own for ${service}; the token is ${ownText(grants)}.`,
    {
      hint: "An administrator can give another invite: kiln access invite NAME --role deployer --break-glass. On the controller's machine it needs no grant.",
    },
  );
}

export function forbidden(
  grants: readonly Grant[],
  right: Right,
  service: ServiceKey | undefined,
): KilnError {
  const of = service === undefined ? "every service" : service;
  const roles = rolesWith(right).join(" or ");
  return new KilnError(
    "forbidden",
    `This needs the role ${roles} of ${of}; the token is ${ownText(grants)}.`,
    {
      hint: "An administrator can give another invite: kiln access invite NAME --role ROLE. `kiln whoami` shows what the token may do.",
    },
  );
}

function ownText(grants: readonly Grant[]): string {
  return grants.map(grantText).join(" and ");
}
