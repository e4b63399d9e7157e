import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type {
  GroupObservation,
  Observation,
  ServerObservation,
  ServerState,
} from "../../domain/observation.ts";
import { type Clock, momentOf } from "../../lib/time/clock.ts";
import { previewedBy } from "../../router/preview-key.ts";
import type { RoutedService } from "../../router/router.ts";
import { addressesOf } from "./address.ts";
import type { Group, Member } from "./memory.ts";
import type { SlotState } from "./reconcile.ts";
import type { Traffic } from "./traffic/traffic.ts";

/**
 * What the platform reports: the fleet's memory, and the router's own word on who has traffic. What the fleet counts in
 * time that has elapsed becomes moments as the clock shows them now, also when it was set in between.
 */
export function observation(
  groups: Iterable<Group>,
  routed: readonly RoutedService[],
  traffic: Pick<Traffic, "shares" | "shown" | "routed">,
  clock: Clock,
): Observation {
  const own = routed.filter((s) => previewedBy(s.service) === undefined && !isClosed(s));
  const inTraffic = new Set(own.flatMap((s) => s.upstreams.filter((t) => t.weight > 0).map((t) => t.id)));
  const frontends: ServiceKey[] = own.filter((s) => s.frontends.length > 0).map((s) => s.service);
  return {
    groups: [...groups].map((g) => groupObservation(g, inTraffic, traffic, clock)).filter(isWorthTelling),
    routed: [...new Set([...frontends, ...traffic.routed()])],
    addresses: addressesOf(routed),
  };
}

/** It leads only those to its servers who are connected already. */
function isClosed({ frontends }: RoutedService): boolean {
  return frontends.length > 0 && frontends.every(({ closed }) => closed);
}

/** A group stays visible while anything of it is there: servers, a wish, a share, a failure to be read. */
function isWorthTelling(group: GroupObservation): boolean {
  const { servers, remains, size, share, previewed, failures } = group;
  if (previewed) return true;
  return servers.length > 0 || remains.length > 0 || (size ?? 0) > 0 || share > 0 || failures.length > 0;
}

function groupObservation(
  group: Group,
  inTraffic: ReadonlySet<ServerId>,
  traffic: Pick<Traffic, "shares" | "shown">,
  clock: Clock,
): GroupObservation {
  const { service, release, wanted, failures, failed } = group;
  const members = [...group.members.values()];
  const servers = members.flatMap((m) => serverObservation(m, members, inTraffic.has(m.id), clock));
  const remains = members.filter((m) => shownAs[m.state] === undefined).map((m) => m.id);
  const share = traffic.shares(service).find((s) => s.release === release)?.share ?? 0;
  const replacing = wanted?.replacing;
  const beside = replacing === undefined ? {} : { replacing };
  const shown = traffic.shown(service) === release ? { previewed: true } : {};
  return {
    service,
    release,
    size: wanted?.size,
    ...beside,
    share,
    ...shown,
    servers,
    remains,
    failures: failures.map(({ failedMs, ...rest }) => ({
      ...{ ...rest, release, atMs: momentOf(clock, failedMs) },
    })),
    failed,
  };
}

const shownAs: Readonly<Record<SlotState, ServerState | undefined>> = {
  "half-made": "creating",
  creating: "creating",
  starting: "starting",
  ready: "ready",
  leaving: "draining",
  quarantined: "quarantined",
  failing: undefined,
  failed: undefined,
};

function serverObservation(
  member: Member,
  group: readonly Member[],
  inTraffic: boolean,
  clock: Clock,
): readonly ServerObservation[] {
  const state = shownAs[member.state];
  if (state === undefined) return [];
  const { id, createdAtMs, address } = member;
  const sinceMs = momentOf(clock, member.sinceMs);
  const predecessor = predecessorOf(member, group);
  const place = predecessor === undefined ? {} : { takesPlaceOf: predecessor.id };
  return [
    { id, ...place, state, sinceMs, createdAtMs, address, inTraffic, health: member.health?.recent.at(-1) },
  ];
}

/** The newest of those that are still seen and had its slot before. */
function predecessorOf({ name }: Member, group: readonly Member[]): Member | undefined {
  return group
    .filter((m) => m.name.slot === name.slot && m.name.attempt < name.attempt)
    .filter((m) => shownAs[m.state] !== undefined)
    .reduce<Member | undefined>(
      (a, b) => (a === undefined || b.name.attempt > a.name.attempt ? b : a),
      undefined,
    );
}
