import type { Rollout } from "../../domain/rollout/rollout.ts";
import type { ServerStatus, ServiceStatus } from "../api.ts";
import { conditionOf } from "../condition.ts";
import type { Style } from "../output/style.ts";
import { plainText, table } from "../output/text.ts";
import { formatDuration } from "../output/units.ts";

/** One snapshot of a rollout. */
export interface RolloutLook {
  readonly rollout: Rollout;
  /** Undefined once the service is gone. */
  readonly status: ServiceStatus | undefined;
}

/** At most this many servers get their own line. */
const listedServers = 8;

/** What a terminal shows while a rollout runs: a heading, a line per group, and the servers that are not ready yet. */
export function liveLines(look: RolloutLook, nowMs: number, style: Style): string[] {
  const { rollout, status } = look;
  const elapsed = formatDuration(nowMs - rollout.startedAtMs);
  const heading = `${style.bold(rollout.service)}  ${journey(rollout)}  ${style.dim(elapsed)}`;
  const servers = status?.servers ?? [];
  const releases = [...new Set([rollout.to, ...servers.map((server) => server.release)])].sort(
    (a, b) => b - a,
  );
  const groups = releases.map((release) => groupCells(release, servers, style));
  const waiting = servers.filter((server) => server.release === rollout.to && server.state !== "ready");
  return [
    heading,
    ...jobLines(rollout, nowMs).map((line) => `  ${line}`),
    ...(status === undefined ? [] : troubleLines(status).map((line) => `  ${style.warn(line)}`)),
    ...table([], groups).map((line) => `  ${line}`),
    ...table([], waiting.slice(0, listedServers).map(serverCells)).map((line) => style.dim(`    ${line}`)),
  ];
}

/** `job migrate: running 12 s of 10 min`, and the results of earlier jobs. */
export function jobLines({ jobs }: Rollout, nowMs: number): string[] {
  return jobs.map(({ name, startedAtMs, deadlineMs, end }) => {
    if (end !== undefined) return `job ${name}: ${plainText(end.reason)}`;
    return `job ${name}: running ${formatDuration(nowMs - startedAtMs)} of ${formatDuration(deadlineMs)}`;
  });
}

/** What holds a service up and the remedy; nothing while all goes well. */
export function troubleLines({ trouble }: Pick<ServiceStatus, "trouble">): string[] {
  if (trouble === undefined) return [];
  const remedy = trouble.hint === undefined ? "" : ` ${plainText(trouble.hint)}`;
  return [`Held up: ${plainText(trouble.message)}${remedy} Kiln keeps trying.`];
}

/** Problems of a service that still serves, or of a target. */
export function warningLines({ warnings }: Pick<ServiceStatus, "warnings">): string[] {
  return warnings.map(({ message, hint = "" }) => plainText(`Warning: ${message} ${hint}`.trim()));
}

/** What holds the service up, if that has changed since the last snapshot. */
export function newTroubleLines(before: RolloutLook | undefined, { status }: RolloutLook): string[] {
  const isNews = status?.trouble?.message !== before?.status?.trouble?.message;
  return isNews && status !== undefined ? troubleLines(status) : [];
}

/** Without a terminal, a server that is not ready after this time is reported, and again each time it has passed. */
const waitsLongMs = 10_000;

/**
 * What a rollout waits for: the last health check of each new server that has long not been ready. `said` remembers
 * when (Unix time in ms) each was reported.
 */
export function waitingLines(look: RolloutLook, nowMs: number, said: Map<string, number>): string[] {
  const { rollout, status } = look;
  if (rollout.phase !== "forward") return [];
  return (status?.servers ?? []).flatMap((server) => {
    const { id, release, state, sinceMs } = server;
    const isWaitedFor = release === rollout.to && (state === "starting" || state === "creating");
    if (!isWaitedFor || nowMs - (said.get(id) ?? sinceMs) < waitsLongMs) return [];
    said.set(id, nowMs);
    const condition = conditionOf(server);
    return [
      `Waiting for ${id}, ${state} for ${formatDuration(nowMs - sinceMs)}${condition && `: ${condition}`}`,
    ];
  });
}

/** `release 6 -> 7`, or `release 1` for the first. */
export function journey(rollout: Rollout): string {
  const releases = rollout.from === undefined ? `${rollout.to}` : `${rollout.from} -> ${rollout.to}`;
  return `release ${releases}${rollout.phase === "back" ? ", rolling back" : ""}`;
}

/** The direction of a rolled back rollout: `release 7 -> 6`. */
export function journeyBack({ from, to }: Rollout): string {
  return from === undefined ? `release ${to}` : `release ${to} -> ${from}`;
}

function groupCells(release: number, servers: readonly ServerStatus[], style: Style): string[] {
  const group = servers.filter((server) => server.release === release);
  const states = ["ready", "starting", "creating", "draining", "quarantined"] as const;
  const counts = states.flatMap((state) => {
    const count = group.filter((server) => server.state === state).length;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  const dots = group.slice(0, 40).map((server) => dot(server, style));
  return [`release ${release}`, dots.join(""), counts.join(", ") || "no servers yet"];
}

/** Filled: ready. In colour: with traffic. */
function dot(server: ServerStatus, style: Style): string {
  if (server.state === "ready") return server.inTraffic ? style.good("●") : "●";
  return server.state === "quarantined" ? style.bad("×") : style.dim("○");
}

function serverCells(server: ServerStatus): string[] {
  return [server.id, server.state, conditionOf(server)];
}
