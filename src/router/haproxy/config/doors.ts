import { previewedBy, type ServiceKey } from "../../../domain/ids.ts";
import {
  type Clash,
  clashOf,
  hostsOf,
  listenersOf,
  matchKey,
  type RequestMatch,
} from "../../../domain/listener.ts";
import type { TrafficSpec } from "../../../domain/spec.ts";
import { KilnError } from "../../../lib/errors.ts";

/** A service and its ways in. */
export interface DoorOwner {
  readonly service: ServiceKey;
  readonly doors: readonly TrafficSpec[];
}

/**
 * Throws `traffic_conflict` when one of the doors conflicts with another one of this or another service: the same
 * port, host name and path, or the same port where either is plain TCP or only one of them has TLS.
 */
export function assertNoConflict(asked: DoorOwner, others: readonly DoorOwner[]): void {
  const taken = others.filter((o) => o.service !== asked.service).flatMap(doorsOf);
  for (const mine of doorsOf(asked)) {
    for (const other of taken) {
      const clash = clashOf(mine.door, other.door);
      if (clash === undefined) continue;
      // The same request by two doors of one service: it is the same service either way.
      if (clash.kind === "match" && other.service === asked.service) continue;
      throw conflict(mine, other, clash);
    }
    taken.push(mine);
  }
}

interface OwnedDoor {
  readonly service: ServiceKey;
  readonly door: TrafficSpec;
}

function doorsOf(owner: DoorOwner): OwnedDoor[] {
  return uniqueDoors(owner.doors).map((door) => ({ service: owner.service, door }));
}

/** The doors without repetitions, in an order that does not depend on the given one. */
export function uniqueDoors(doors: readonly TrafficSpec[]): readonly TrafficSpec[] {
  const byKey = new Map(doors.map((door) => [keyOf(door), door]));
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, door]) => door);
}

function keyOf(door: TrafficSpec): string {
  return `${door.listen} ${door.mode} ${hostsOf(door).join(" ")} ${door.paths?.join(" ") ?? ""}`;
}

function conflict(mine: OwnedDoor, other: OwnedDoor, clash: Clash): KilnError {
  const { door, service } = mine;
  const { listen } = clash;
  if (clash.kind === "isTls") {
    const isTls = listenersOf(door).some((listener) => listener.listen === listen && listener.port.isTls);
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
          ? "Plain TCP needs its own port: choose another `traffic.listen`."
          : "Choose another `traffic.listen`, or another host name or path.",
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
