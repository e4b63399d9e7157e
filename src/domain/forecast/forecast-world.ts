import type { ServerId, ServiceKey } from "../ids.ts";
import type { GroupObservation, JobExit, ServerObservation } from "../observation.ts";
import { readyCount, type ServiceView } from "../plan/service-view.ts";
import type { Action, Shares } from "../rollout/actions.ts";
import { applyChange } from "../rollout/record.ts";
import type { DesiredService } from "../rollout/rollout.ts";
import { reachable } from "../rollout/split.ts";

/** What is desired and observed at one moment of a forecast. */
export interface ForecastWorld {
  readonly desired: DesiredService;
  readonly view: ServiceView;
  /** Unix time in ms. */
  readonly nowMs: number;
  /** The service was forgotten: nothing can follow. */
  readonly gone?: boolean;
}

type Of<Kind extends Action["kind"]> = Extract<Action, { readonly kind: Kind }>;

/** The world once the action is done, and all that follows from it. */
export function play(world: ForecastWorld, action: Action): ForecastWorld {
  const { view } = world;
  switch (action.kind) {
    case "resize":
      return { ...world, view: resized(world, action) };
    case "route":
      return { ...world, view: routed(view, action.shares) };
    case "preview":
      return { ...world, view: previewing(view, action.release) };
    case "record":
      return recorded(world, action);
    case "analyse":
      return { ...world, desired: judgedWell(world, action.rollout) };
    case "run-job":
      return { ...world, desired: succeeded(world, action) };
    case "begin-run":
      return world;
    case "destroy":
    case "retire":
      return { ...world, view: without(world, action.server) };
    case "quarantine":
      return quarantined(world, action.server);
    case "end-job":
      return finishJobs(world, action.job);
    case "forget-job":
      return { ...world, view: { ...view, jobs: view.jobs.filter(({ id }) => id !== action.job) } };
  }
}

/** What is on its way counts as arrived: servers that start are ready, those that drain are gone. */
export function arrived(view: ServiceView, nowMs: number): ServiceView {
  const groups = [...view.groups].flatMap(([release, group]) => {
    const servers = group.servers.flatMap((server): ServerObservation[] => {
      if (server.state === "draining") return [];
      return [server.state === "quarantined" ? server : { ...server, state: "ready", inTraffic: true }];
    });
    const now = { ...group, servers, remains: [], failures: [] };
    const whole = group.size === undefined ? now : staffed(now, group.size, nowMs);
    return isNothing(whole) ? [] : [[release, whole] as const];
  });
  return spread({ ...view, groups: new Map(groups) });
}

/** Jobs that run, or this one of them, have succeeded. */
export function finishJobs(world: ForecastWorld, id?: string): ForecastWorld {
  const jobs = world.view.jobs.map((job) => {
    if (job.end !== undefined || (id ?? job.id) !== job.id) return job;
    return { ...job, state: "succeeded" as const, end: success(world.nowMs) };
  });
  return { ...world, view: { ...world.view, jobs } };
}

function recorded(world: ForecastWorld, { change }: Of<"record">): ForecastWorld {
  const desired = applyChange(world.desired, change);
  return desired === undefined ? { ...world, gone: true } : { ...world, desired };
}

/** A forecast speaks of a good release, and says once that it is analysed. */
function judgedWell({ desired }: ForecastWorld, rollout: number): DesiredService {
  const verdict = {
    outcome: "pass",
    reason: "as good as the old release",
    atMs: Number.MAX_SAFE_INTEGER,
  } as const;
  return applyChange(desired, { kind: "judged", rollout, verdict }) ?? desired;
}

/** Its jobs succeed at once. */
function succeeded({ desired, nowMs }: ForecastWorld, { rollout, job }: Of<"run-job">): DesiredService {
  const spec = desired.releases.get(desired.rollout?.to ?? 0)?.jobs.find(({ name }) => name === job);
  if (spec === undefined) return desired;
  const end = { ...success(nowMs), outcome: "succeeded" as const };
  const begun = applyChange(desired, { kind: "job-started", rollout, job: spec, atMs: nowMs }) ?? desired;
  return applyChange(begun, { kind: "job-ended", rollout, job, end, atMs: nowMs }) ?? begun;
}

function success(atMs: number): JobExit {
  return { atMs, exitCode: 0, reason: "succeeded", logTail: [] };
}

function resized(
  { view, nowMs }: ForecastWorld,
  { release, size, replacing = [] }: Of<"resize">,
): ServiceView {
  const groups = new Map(view.groups);
  const before = groups.get(release) ?? emptyGroup(view.service, release);
  const group = staffed({ ...before, replacing }, size, nowMs);
  if (isNothing(group)) groups.delete(release);
  else groups.set(release, group);
  return spread({ ...view, groups });
}

/** With exactly so many servers at work, in addition to servers in quarantine and servers that others replace. */
function staffed(group: GroupObservation, size: number, nowMs: number): GroupObservation {
  const { service, release } = group;
  const isBeside = ({ id, state }: ServerObservation) =>
    group.replacing?.includes(id) || (state === "quarantined" && size > 0);
  const servers = group.servers.filter((s) => !isBeside(s)).slice(0, size);
  const taken = new Set(group.servers.map(({ id }) => id));
  for (let slot = 1; servers.length < size; slot++) {
    const server = readyServer(`${service}-${release}-${slot}`, nowMs);
    if (!taken.has(server.id)) servers.push(server);
  }
  return { ...group, size, servers: [...servers, ...group.servers.filter(isBeside)] };
}

function isNothing({ share, servers, size }: GroupObservation): boolean {
  return size === 0 && share === 0 && servers.length === 0;
}

/** The server is gone, and its group makes another where its release is known. */
function without({ desired, view, nowMs }: ForecastWorld, id: ServerId): ServiceView {
  const groups = [...view.groups].flatMap(([release, group]) => {
    if (![...group.servers.map((s) => s.id), ...group.remains].includes(id))
      return [[release, group] as const];
    const left: GroupObservation = {
      ...group,
      servers: group.servers.filter((s) => s.id !== id),
      remains: group.remains.filter((other) => other !== id),
    };
    const known = desired.releases.has(release);
    const now = staffed(left, known ? (group.size ?? left.servers.length) : left.servers.length, nowMs);
    return isNothing(now) ? [] : [[release, now] as const];
  });
  const reproductions = view.reproductions?.filter((copy) => copy.id !== id) ?? [];
  return spread({ ...view, groups: new Map(groups), reproductions });
}

/** Out of traffic, its evidence is kept unless someone is in it, and its group makes another. */
function quarantined({ desired, view, nowMs }: ForecastWorld, id: ServerId): ForecastWorld {
  const groups = [...view.groups].map(([release, group]) => {
    if (!group.servers.some((s) => s.id === id)) return [release, group] as const;
    const servers = group.servers.map((s) =>
      s.id === id ? { ...s, state: "quarantined" as const, inTraffic: false } : s,
    );
    return [release, staffed({ ...group, servers }, group.size ?? group.servers.length, nowMs)] as const;
  });
  const taints = desired.taints.map((taint) => {
    if (taint.server !== id) return taint;
    return { ...taint, takenAtMs: nowMs, evidenceAtMs: taint.held ? taint.evidenceAtMs : nowMs };
  });
  return { desired: { ...desired, taints }, view: spread({ ...view, groups: new Map(groups) }), nowMs };
}

/** Where servers have equal parts of the traffic, shares follow their number. */
function spread(view: ServiceView): ServiceView {
  if (view.split === "any") return view;
  const shares = [...view.groups.values()].map(({ release, share }) => ({ release, share }));
  const reached = reachable(shares, view.split, (release) => readyCount(view, release));
  return { ...routed(view, reached), routed: view.routed };
}

function routed(view: ServiceView, shares: Shares): ServiceView {
  const groups = new Map<number, GroupObservation>();
  for (const [release, group] of view.groups) groups.set(release, { ...group, share: 0 });
  for (const { release, share } of shares) {
    groups.set(release, { ...(groups.get(release) ?? emptyGroup(view.service, release)), share });
  }
  return { ...view, groups, routed: shares.length > 0 };
}

function previewing(view: ServiceView, shown: number | undefined): ServiceView {
  const groups = [...view.groups].map(([n, g]) => [n, { ...g, previewed: n === shown }] as const);
  return { ...view, groups: new Map(groups) };
}

function emptyGroup(service: ServiceKey, release: number): GroupObservation {
  return { service, release, size: 0, share: 0, servers: [], remains: [], failures: [], failed: 0 };
}

function readyServer(id: ServerId, nowMs: number): ServerObservation {
  return {
    id,
    state: "ready",
    sinceMs: nowMs,
    createdAtMs: nowMs,
    address: undefined,
    inTraffic: true,
    health: undefined,
  };
}
