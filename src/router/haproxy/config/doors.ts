import { previewedBy, type ServiceKey } from "../../../domain/ids.ts";
import type { TrafficSpec } from "../../../domain/spec.ts";
import { KilnError } from "../../../lib/errors.ts";

/** A service and its ways in. */
export interface DoorOwner {
  readonly service: ServiceKey;
  readonly doors: readonly TrafficSpec[];
}

/**
 * Throws `traffic_conflict` when one of the doors conflicts with another one of this or another service: the same
 * port and host name, or the same port where either is plain TCP or only one of them has TLS.
 */
export function assertNoConflict(asked: DoorOwner, others: readonly DoorOwner[]): void {
  const taken = others.filter((o) => o.service !== asked.service).flatMap(doorsOf);
  for (const mine of doorsOf(asked)) {
    const other = taken.find((t) => collides(mine.door, t.door));
    if (other) throw conflict(mine.door, other);
    taken.push(mine);
  }
}

function doorsOf(owner: DoorOwner): { readonly service: ServiceKey; readonly door: TrafficSpec }[] {
  return uniqueDoors(owner.doors).map((door) => ({ service: owner.service, door }));
}

/** The doors without repetitions, in an order that does not depend on the given one. */
export function uniqueDoors(doors: readonly TrafficSpec[]): readonly TrafficSpec[] {
  const byKey = new Map(doors.map((door) => [`${door.listen} ${door.mode} ${door.host ?? ""}`, door]));
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, door]) => door);
}

function collides(a: TrafficSpec, b: TrafficSpec): boolean {
  if (a.listen !== b.listen) return false;
  return a.mode === "tcp" || b.mode === "tcp" || a.host === b.host || isMixed(a, b);
}

/** What comes in at a port is encrypted or not: HAProxy decides it before it knows the host name. */
function isMixed(a: TrafficSpec, b: TrafficSpec): boolean {
  return (a.tls === undefined) !== (b.tls === undefined);
}

function conflict(door: TrafficSpec, other: { readonly service: ServiceKey; readonly door: TrafficSpec }) {
  if (door.mode === "http" && other.door.mode === "http" && isMixed(door, other.door)) {
    const [mine, theirs] = door.tls === undefined ? ["without", "with"] : ["with", "without"];
    return new KilnError(
      "traffic_conflict",
      `Port ${door.listen} can't be opened ${mine} TLS: ${nameOf(other.service, "the")} has it ${theirs} TLS.`,
      { hint: "Give all services of the port a `traffic.tls`, or choose another `traffic.listen`." },
    );
  }
  const owner = nameOf(other.service);
  const what = door.host === undefined ? `port ${door.listen}` : `${door.host} on port ${door.listen}`;
  return new KilnError("traffic_conflict", `${owner} already has ${what}.`, {
    hint:
      door.mode === "tcp"
        ? "Plain TCP needs its own port: choose another `traffic.listen`."
        : "Choose another `traffic.listen`, or, where both are http, another `traffic.host`.",
  });
}

function nameOf(key: ServiceKey, the = "The"): string {
  const previewed = previewedBy(key);
  return previewed === undefined ? `${the} service ${key}` : `${the} preview of ${previewed}`;
}
