import type { ServerId, ServiceKey } from "../ids.ts";
import type {
  GroupObservation,
  JobObservation,
  Observation,
  ReproductionObservation,
} from "../observation.ts";
import type { Action, Shares } from "../rollout/actions.ts";
import type { DesiredService } from "../rollout/rollout.ts";
import { reachable, type Split } from "../rollout/split.ts";
import { mostServers } from "../volume.ts";

/** What is observed of one service, and small questions about it. */
export interface ServiceView {
  readonly service: ServiceKey;
  readonly groups: ReadonlyMap<number, GroupObservation>;
  /** Whether the router has a way in for it. */
  readonly routed: boolean;
  /** How fine its shares of traffic can be. */
  readonly split: Split;
  /** Servers that others are to take the place of, chosen when a plan begins. */
  readonly replacing?: readonly ServerId[];
  readonly jobs: readonly JobObservation[];
  /** Absent: none. */
  readonly reproductions?: readonly ReproductionObservation[];
}

/** One view per service that has anything observed. `split`: that of the platform. */
export function viewsOf(observed: Observation, split: Split = "any"): ReadonlyMap<ServiceKey, ServiceView> {
  const groups = new Map<ServiceKey, Map<number, GroupObservation>>(
    observed.routed.map((s) => [s, new Map()]),
  );
  for (const group of observed.groups) {
    const known = groups.get(group.service) ?? new Map<number, GroupObservation>();
    groups.set(group.service, known.set(group.release, group));
  }
  const jobs = Map.groupBy(observed.jobs ?? [], (job) => job.service);
  const copies = Map.groupBy(observed.reproductions ?? [], (copy) => copy.service);
  for (const service of [...jobs.keys(), ...copies.keys()])
    if (!groups.has(service)) groups.set(service, new Map());
  const routed = new Set(observed.routed);
  return new Map(
    [...groups].map(([service, of]) => [
      service,
      {
        ...{ service, groups: of, routed: routed.has(service), jobs: jobs.get(service) ?? [] },
        reproductions: copies.get(service) ?? [],
        split,
      },
    ]),
  );
}

/** What is observed of one service; nothing, when there is no observation or nothing of it is there. */
export function viewOf(
  observed: Observation | undefined,
  service: ServiceKey,
  split: Split = "any",
): ServiceView {
  const found = observed === undefined ? undefined : viewsOf(observed, split).get(service);
  return found ?? emptyView(service, split);
}

export function emptyView(service: ServiceKey, split: Split = "any"): ServiceView {
  return { service, groups: new Map(), routed: false, split, jobs: [] };
}

/** Ready servers of a release; 0 when it has no group. */
export function readyCount(view: ServiceView, release: number | undefined): number {
  const group = release === undefined ? undefined : view.groups.get(release);
  return group?.servers.filter((s) => s.state === "ready").length ?? 0;
}

/** True when nothing of the release is left: no server, on its way out or not, and no remains of one. */
export function isGone(view: ServiceView, release: number): boolean {
  const group = view.groups.get(release);
  if (group === undefined) return true;
  return group.servers.length === 0 && group.remains.length === 0 && (group.size ?? 0) === 0;
}

/**
 * The groups that have to be gone before servers of this release may start. With `recreate` servers of two releases never exist
 * together, whatever their parts are: both could write to what only one may write to.
 */
export function inTheWayOf(desired: DesiredService, view: ServiceView, release: number): readonly number[] {
  if (!isAlone(desired)) return [];
  return [...view.groups.keys()].filter((other) => other !== release && !isGone(view, other));
}

function isAlone({ alone, rollout }: DesiredService): boolean {
  return rollout === undefined ? alone : rollout.policy.strategy === "recreate";
}

/** True when the router gives each release this share of the traffic, as it can be reached. */
function hasShares(view: ServiceView, shares: Shares): boolean {
  const wanted = new Map(shares.map((s) => [s.release, s.share]));
  if (view.routed !== shares.length > 0) return false;
  const near = (release: number, share: number) => Math.abs((wanted.get(release) ?? 0) - share) < 0.005;
  return (
    [...view.groups.values()].every((g) => near(g.release, g.share)) &&
    [...wanted].every(([release, share]) => share === 0 || view.groups.has(release))
  );
}

/** The action that gives a group `size` servers; none when it was asked for already, or when other groups have to go first. */
export function resizeTo(
  desired: DesiredService,
  view: ServiceView,
  release: number,
  wanted: number,
  reason: string,
): readonly Action[] {
  const service = desired.service;
  const shape = desired.releases.get(release)?.shape;
  const size = Math.min(wanted, shape === undefined ? wanted : mostServers(shape));
  const group = view.groups.get(release);
  const replacing = size === 0 ? outlasting(desired, group) : replacedIn(view, group);
  if (size === 0 && isGone(view, release)) return [];
  if (group?.size === size && isSame(replacing, group.replacing)) return []; // of size 0: on its way out
  const raised = size > (group?.size ?? group?.servers.length ?? 0);
  if (raised && inTheWayOf(desired, view, release).length > 0) return [];
  if (desired.releases.has(release)) {
    const beside = replacing.length === 0 ? {} : { replacing };
    return [{ kind: "resize", service, release, size, ...beside, reason }];
  }
  const strays = [...(group?.servers.map((s) => s.id) ?? []), ...(group?.remains ?? [])];
  return strays.map((server) => ({
    kind: "destroy",
    service,
    server,
    reason: `release ${release} is no longer known`,
  }));
}

/** Servers in quarantine that someone is in, or whose evidence is not kept yet: their group goes without them. */
function outlasting(
  { taints, removed }: DesiredService,
  group: GroupObservation | undefined,
): readonly ServerId[] {
  if (removed) return [];
  return taints
    .filter((taint) => taint.takenAtMs !== undefined && taint.evidenceAtMs === undefined)
    .map((taint) => taint.server)
    .filter((id) => group?.servers.some((s) => s.id === id));
}

function replacedIn(view: ServiceView, group: GroupObservation | undefined): readonly ServerId[] {
  return view.replacing?.filter((id) => group?.servers.some((s) => s.id === id)) ?? [];
}

function isSame(a: readonly ServerId[], b: readonly ServerId[] = []): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}

/** The action that moves the traffic, as near as can be reached, or none when the router has it so. */
export function routeTo(
  desired: DesiredService,
  view: ServiceView,
  shares: Shares,
  reason: string,
): readonly Action[] {
  const reached = reachable(shares, view.split, (release) => readyCount(view, release));
  if (hasShares(view, reached)) return [];
  return [{ kind: "route", service: desired.service, shares: reached, reason }];
}

/** Closes the frontends once no server is left: servers that finish their requests need the router. */
export function closeWhenGone(desired: DesiredService, view: ServiceView, reason: string): readonly Action[] {
  const gone = [...view.groups.keys()].every((release) => isGone(view, release));
  return gone ? routeTo(desired, view, [], reason) : [];
}

/** Removes every group that has no part in the present plan. */
export function lowerOthers(
  desired: DesiredService,
  view: ServiceView,
  kept: readonly (number | undefined)[],
): readonly Action[] {
  return [...view.groups.keys()]
    .filter((release) => !kept.includes(release))
    .flatMap((release) => resizeTo(desired, view, release, 0, `release ${release} is no longer needed`));
}
