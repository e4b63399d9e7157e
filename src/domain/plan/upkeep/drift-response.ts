import type { Finding } from "../../drift/drift.ts";
import type { ServerId } from "../../ids.ts";
import type { GroupObservation, ServerObservation } from "../../observation.ts";
import type { DesiredService } from "../../rollout/rollout.ts";
import type { DriftPolicy } from "../../spec/upkeep-policy.ts";
import type { ServiceView } from "../service-view.ts";

/** What is known of the service when something was found on one of its servers. */
export interface Situation {
  readonly policy: DriftPolicy;
  /** Whether the server may have traffic: what was seen of it may be seconds old. */
  readonly carries: boolean;
  /** Whether it is on its way out already. */
  readonly leaves: boolean;
  /** How many servers more than are needed carry the traffic without it; below 0: too few. */
  readonly spare: number;
  /** Whether too much drifts in the whole installation. */
  readonly suspended: boolean;
}

export type Decision =
  /** No drift, says the service's policy. */
  | { readonly kind: "ignore" }
  /** The finding is reported, and leaves no taint: nothing was changed, and the state may pass. */
  | { readonly kind: "tell" }
  /** The taint is recorded, and nothing is done. */
  | { readonly kind: "report" }
  /** Out of traffic, frozen, evidence; at once unless `wait` says why not yet. */
  | { readonly kind: "quarantine"; readonly wait: string | undefined };

/** What follows from a finding on a server that is not tainted yet. Pure. */
export function decide(finding: Finding, situation: Situation): Decision {
  const { policy } = situation;
  if (policy.ignore.some((entry) => isMatch(entry, finding))) return { kind: "ignore" };
  // A client that fills a server must not be able to take it out; the health check shows whether the server can work.
  if (finding.kind === "full") return { kind: "tell" };
  if (policy.response === "report") return { kind: "report" };
  return { kind: "quarantine", wait: reasonToWait(situation) };
}

/**
 * What is known of the service when it is asked whether this server may be taken out: the response to a finding, a
 * person who is let in, and each pass.
 */
export function situationOf(
  desired: DesiredService,
  view: ServiceView,
  server: ServerId,
  nowMs: number,
): Situation {
  const group = [...view.groups.values()].find((g) => g.servers.some((s) => s.id === server));
  return {
    policy: desired.upkeep.drift,
    carries: group === undefined || isExposed(desired, group),
    leaves: group?.servers.some((s) => s.id === server && s.state === "draining") ?? false,
    spare: carriers(desired, view).filter((s) => s.id !== server).length - fewestCarrying(desired),
    suspended: nowMs < (desired.suspendedUntilMs ?? 0),
  };
}

/** Why a tainted server is not taken out yet: one sentence, or undefined when it can be. */
export function reasonToWait({
  carries,
  leaves,
  spare,
  suspended,
}: Omit<Situation, "policy">): string | undefined {
  if (suspended) return "too many servers drift at once: until that is over, none is taken out";
  if (leaves) return "it is already on its way out";
  if (carries && spare < 0)
    return "the other servers could not carry its traffic: Kiln waits for more of them";
  return undefined;
}

/** `kind`, or `kind:pattern` in which `*` stands for any characters. */
function isMatch(entry: string, { kind, subject }: Finding): boolean {
  const [wanted, ...rest] = entry.split(":");
  if (wanted !== kind) return false;
  return rest.length === 0 || isLike(rest.join(":"), subject);
}

function isLike(pattern: string, text: string): boolean {
  const [first = "", ...parts] = pattern.split("*");
  if (parts.length === 0) return text === pattern;
  const last = parts.pop() ?? "";
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last))
    return false;
  let from = first.length;
  for (const part of parts) {
    const at = text.indexOf(part, from);
    if (at === -1 || at + part.length > text.length - last.length) return false;
    from = at + part.length;
  }
  return true;
}

/**
 * The fewest servers that must carry the traffic while others are taken out: what the rollout policy or `maxConcurrent`
 * lets be missing, whichever is more, but never the last one. A service whose servers never run at the same time as
 * their successors has none to wait for.
 */
export function fewestCarrying({ count, unavailable, alone, upkeep }: DesiredService): number {
  if (alone) return 0;
  const { maxConcurrent } = upkeep.drift;
  const concurrent =
    "servers" in maxConcurrent ? maxConcurrent.servers : Math.max(1, Math.floor(count * maxConcurrent.share));
  return Math.max(Math.min(1, count), count - Math.max(unavailable, concurrent));
}

/** The servers that answer requests now and are not taken out: those whose loss would be felt. */
export function carriers(desired: DesiredService, view: ServiceView): readonly ServerObservation[] {
  return [...view.groups.values()].flatMap((group) => carriersOf(desired, group));
}

/**
 * The carriers of one group. What the router says counts, except for a release that takes no traffic from it: there the share is all
 * there is. A server that was taken out may still be seen with traffic, where a platform is slow to do so.
 */
export function carriersOf(desired: DesiredService, group: GroupObservation): readonly ServerObservation[] {
  if (group.share === 0) return [];
  const isRouted = desired.releases.get(group.release)?.traffic !== undefined;
  const isTaken = (id: ServerId) => desired.taints.some((t) => t.server === id && t.takenAtMs !== undefined);
  return group.servers.filter((s) => s.state === "ready" && (s.inTraffic || !isRouted) && !isTaken(s.id));
}

/**
 * Whether servers of that group may have traffic, also since it was looked at: while a rollout moves it, either group may
 * get some at any moment, and a router that has not answered may have given it.
 */
function isExposed({ rollout }: DesiredService, { release, share }: GroupObservation): boolean {
  return share > 0 || release === rollout?.to || release === rollout?.from;
}

/** More servers of the installation than this in `burstMs` are too many at once. */
export function mostAtOnce(servers: number): number {
  return Math.max(10, Math.ceil(servers * 0.2));
}

/** How long a burst of drift is remembered. */
export const burstMs = 2 * 60_000;

/**
 * Until when (Unix time in ms) no server is taken out, because too many have drifted at once: detection must not
 * become a weapon. `taintedAtMs`: when servers were tainted, in any order. Undefined when there was no burst.
 */
export function suspendedUntilMs(taintedAtMs: readonly number[], servers: number): number | undefined {
  const newestFirst = [...taintedAtMs].sort((a, b) => b - a);
  const most = mostAtOnce(servers);
  const last = newestFirst[most];
  return last === undefined ? undefined : last + burstMs;
}
