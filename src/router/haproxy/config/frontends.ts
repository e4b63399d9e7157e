import type { ServiceKey } from "../../../domain/ids.ts";
import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import {
  type Clash,
  clashOf,
  hostsOf,
  listenersOf,
  matchKey,
  type RequestMatch,
} from "../../../domain/traffic/listener.ts";
import { KilnError } from "../../../lib/errors.ts";
import { previewedBy } from "../../preview-key.ts";

/** A service and its ways in. */
export interface FrontendOwner {
  readonly service: ServiceKey;
  readonly frontends: readonly TrafficSpec[];
}

/**
 * Throws `traffic_conflict` when one of the frontends conflicts with another one of this or another service: the same
 * port, host name and path, or the same port where either is plain TCP or UDP, or only one of them has TLS.
 */
export function assertNoConflict(asked: FrontendOwner, others: readonly FrontendOwner[]): void {
  const taken = others.filter((o) => o.service !== asked.service).flatMap(frontendsOf);
  for (const mine of frontendsOf(asked)) {
    for (const other of taken) {
      const clash = clashOf(mine.frontend, other.frontend);
      if (clash === undefined) continue;
      // The same request by two frontends of one service: it is the same service either way.
      if (clash.kind === "match" && other.service === asked.service) continue;
      throw conflict(mine, other, clash);
    }
    taken.push(mine);
  }
}

interface OwnedFrontend {
  readonly service: ServiceKey;
  readonly frontend: TrafficSpec;
}

function frontendsOf(owner: FrontendOwner): OwnedFrontend[] {
  return uniqueFrontends(owner.frontends).map((frontend) => ({ service: owner.service, frontend }));
}

/** The frontends without repetitions, in an order that does not depend on the given one. */
export function uniqueFrontends(frontends: readonly TrafficSpec[]): readonly TrafficSpec[] {
  const byKey = new Map(frontends.map((frontend) => [keyOf(frontend), frontend]));
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, frontend]) => frontend);
}

function keyOf(frontend: TrafficSpec): string {
  return `${frontend.listen} ${frontend.mode} ${hostsOf(frontend).join(" ")} ${frontend.paths?.join(" ") ?? ""}`;
}

function conflict(mine: OwnedFrontend, other: OwnedFrontend, clash: Clash): KilnError {
  const { frontend, service } = mine;
  const { listen } = clash;
  if (clash.kind === "isTls") {
    const isTls = listenersOf(frontend).some((listener) => listener.listen === listen && listener.port.isTls);
    const [own, theirs] = isTls ? ["with", "without"] : ["without", "with"];
    return new KilnError(
      "traffic_conflict",
      `${nameOf(service, "The")} can't open port ${listen} ${own} TLS: ${nameOf(other.service)} has it ${theirs} TLS.`,
      { hint: "Give all services of the port a `traffic.tls`, or choose another `traffic.listen`." },
    );
  }
  if (clash.kind === "address" || clash.kind === "proxies") {
    const keys = clash.kind === "address" ? "`address`" : "`acceptProxy` and `trustedProxies`";
    return new KilnError(
      "traffic_conflict",
      `${nameOf(service, "The")} can't open port ${listen}: ${nameOf(other.service)} has it with another ${clash.kind === "address" ? "address" : "list of proxies"}.`,
      { hint: `Give all services of the port the same ${keys} in \`traffic\`, or choose another port.` },
    );
  }
  const what = clash.kind === "match" ? requestsOf(clash.match, listen) : `port ${listen}`;
  return new KilnError(
    "traffic_conflict",
    `${nameOf(service, "The")} can't have ${what}: ${nameOf(other.service)} has it already.`,
    {
      hint:
        clash.kind === "mode"
          ? "Plain TCP and UDP need a port of their own: choose another `traffic.listen`."
          : `Choose another \`traffic.listen\`, or another host name or path. If ${nameOf(other.service)} was renamed: docs/rollouts.md, "Renaming a service".`,
    },
  );
}

/** `shop.example.com/api on port 80`. */
function requestsOf(match: RequestMatch, listen: number): string {
  const key = matchKey(match);
  return key === "" ? `port ${listen}` : `${key} on port ${listen}`;
}

function nameOf(key: ServiceKey, the = "the"): string {
  const previewed = previewedBy(key);
  return previewed === undefined ? `${the} service ${key}` : `${the} preview of ${previewed}`;
}
