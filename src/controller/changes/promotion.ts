import type { Asker } from "../../domain/access/actor.ts";
import { type ServiceKey, serviceKey, serviceOf } from "../../domain/ids.ts";
import { below, type PromotionCandidate, type Rung } from "../../domain/policy/candidate.ts";
import { environmentOf } from "../../domain/policy/policy.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import type { Accepted } from "../operations.ts";
import type { Change, ChangeParts } from "./change.ts";
import { deploying } from "./deploy.ts";

/** A candidate that climbs to the environment of this service. */
export interface PromotionRequest {
  /** The service in the environment to go to: `shop.production`. */
  readonly service: ServiceKey;
  /** Absent: the newest one whose image serves in the environment below. */
  readonly candidate?: number | undefined;
  readonly supersede?: boolean | undefined;
  readonly breakGlass?: boolean | undefined;
}

/** The deploy of the same image with the configuration that was recorded for this environment. Throws `candidate_unknown`. */
export function promoting(parts: ChangeParts, request: PromotionRequest, by: Asker): Change<Accepted> {
  const { service, supersede, breakGlass } = request;
  const { candidate, rung } = chosen(parts.store, request);
  const { image, version, origin } = candidate;
  const draft = { ...rung.draft, image, version };
  return deploying(parts, { service, ...rung, draft, origin, supersede, breakGlass }, by);
}

/** Throws `candidate_unknown`. */
export function chosen(
  store: Store,
  { service, candidate: wanted }: Pick<PromotionRequest, "service" | "candidate">,
): { readonly candidate: PromotionCandidate; readonly rung: Rung } {
  const name = serviceOf(service);
  const environment = environmentOf(service);
  const climbing = store.policies.candidates(name).flatMap((candidate) => {
    const rung = Object.hasOwn(candidate.rungs, environment) ? candidate.rungs[environment] : undefined;
    return rung === undefined ? [] : [{ candidate, rung }];
  });
  const found = climbing.find(({ candidate }) =>
    wanted === undefined ? servesBelow(store, candidate, environment) : candidate.id === wanted,
  );
  if (found !== undefined) return found;
  throw unknown(name, environment, wanted, climbing.at(0)?.candidate);
}

function servesBelow(
  store: Store,
  { service, ladder, image }: PromotionCandidate,
  environment: string,
): boolean {
  const from = below(ladder, environment);
  if (from === undefined) return false;
  const { serving, releases } = store.desired(serviceKey(service, from)) ?? {};
  return serving !== undefined && releases?.get(serving)?.image === image;
}

function unknown(
  service: string,
  environment: string,
  wanted: number | undefined,
  newest: PromotionCandidate | undefined,
): KilnError {
  if (newest === undefined) {
    return new KilnError("candidate_unknown", `No candidate of ${service} can climb to ${environment}.`, {
      hint: `Write \`ladder: [staging, ${environment}]\` in kiln.yaml, with the environments that it climbs, and deploy to the lowest one: that makes a candidate.`,
    });
  }
  if (wanted !== undefined) {
    return new KilnError("candidate_unknown", `${service} has no candidate ${wanted} for ${environment}.`, {
      hint: `\`kiln candidate ls ${service}\` lists them; the newest one is ${newest.id}.`,
    });
  }
  const from = below(newest.ladder, environment);
  return new KilnError(
    "candidate_unknown",
    `No candidate of ${service} serves in ${from}, the environment below ${environment}.`,
    { hint: `\`kiln promote ${service} --to ${from}\` first; or name one with \`--candidate\`.` },
  );
}
