import type { ServerFailure } from "../../domain/observation.ts";
import type { Rollout } from "../../domain/rollout/rollout.ts";

import type { Client, ServiceStatus } from "../api.ts";
import type { Context, ExitCode } from "../context.ts";
import type { Style } from "../output/style.ts";
import { plainText, withFullStop } from "../output/text.ts";
import { formatDuration, formatTime, plural } from "../output/units.ts";
import { statusOf } from "../services.ts";
import { journey, journeyBack } from "./view.ts";

/** How many failed servers are shown in full. */
const shownFailures = 2;

/** Prints how a rollout has ended, with the last output of failed servers if it did not succeed. Returns the exit code. */
export async function reportEnd(context: Context, client: Client, rollout: Rollout): Promise<ExitCode> {
  const status = await statusOf(client, rollout.service);
  const failures = noteFailures(context, rollout, status);
  const durationMs = (rollout.endedAtMs ?? context.clock.now()) - rollout.startedAtMs;
  const { output } = context;
  const address = status?.addresses.at(-1);
  output.result(
    {
      service: rollout.service,
      release: rollout.to,
      phase: rollout.phase,
      durationMs,
      address,
      preview: status?.preview?.address,
      rollout,
      failures,
    },
    endLines(rollout, status, durationMs, output.style),
  );
  return exitCodeOf(rollout);
}

/** How a rollout has ended, in one sentence and its remarks, and then what failed in it. */
export function endWords(
  rollout: Rollout,
  status: ServiceStatus | undefined,
  nowMs: number,
  style: Style,
): readonly string[] {
  const durationMs = (rollout.endedAtMs ?? nowMs) - rollout.startedAtMs;
  const failed = troubleOf(rollout, failuresOf(rollout, status), style);
  return [...endLines(rollout, status, durationMs, style), "", ...failed];
}

/** Shows what failed in a rollout that did not succeed: the newest servers, and its jobs. */
export function noteFailures(
  { output }: Context,
  rollout: Rollout,
  status: ServiceStatus | undefined,
): readonly ServerFailure[] {
  if (rollout.phase === "complete") return [];
  const failures = failuresOf(rollout, status);
  output.note(...troubleOf(rollout, failures, output.noteStyle));
  return failures;
}

function troubleOf(rollout: Rollout, failures: readonly ServerFailure[], style: Style): readonly string[] {
  return [
    ...failuresLines(rollout, failures, style),
    ...failedJobs(rollout, style).flatMap((lines) => [...lines, ""]),
  ];
}

/** The newest failures, and how many more there are. */
function failuresLines({ service }: Rollout, failures: readonly ServerFailure[], style: Style): string[] {
  const more = failures.length - shownFailures;
  const shown = failures.slice(-shownFailures).flatMap((failure) => [...failureLines(failure, style), ""]);
  if (more <= 0) return shown;
  return [...shown, `and ${more} more: \`kiln rollout show ${service}\` shows them all.`, ""];
}

/** The rollout waits for a person, as its policy says: nothing has failed. */
export function waitsForPromotion({ phase, policy, movedAtMs, step, steps }: Rollout): boolean {
  return (
    phase === "paused" && policy.promote === "manual" && movedAtMs === undefined && step === steps.length - 1
  );
}

/** 0 complete or waiting for promotion, 4 when the old release serves again, 1 otherwise. */
export function exitCodeOf(rollout: Rollout): ExitCode {
  if (rollout.phase === "complete" || waitsForPromotion(rollout)) return 0;
  return rollout.phase === "rolled-back" ? 4 : 1;
}

/** The reason, probes and last output of a failed server. */
export function failureLines(failure: ServerFailure, style: Style): string[] {
  const probes = counted(failure.probes.map(plainText)).map((probe) => `  probe  ${probe}`);
  return [
    `${style.bad("failed")} ${style.bold(failure.id)} ${plainText(failure.reason)} ${style.dim(formatTime(failure.atMs))}`,
    ...probes,
    ...lastWords(failure.logTail, style),
  ];
}

/** The reason and last output of each failed job. */
export function failedJobs({ jobs }: Rollout, style: Style): string[][] {
  return jobs.flatMap(({ name, end }) => {
    if (end?.outcome !== "failed") return [];
    const heading = `${style.bad("failed")} ${style.bold(`job ${name}`)} ${plainText(end.reason)} ${style.dim(formatTime(end.atMs))}`;
    return [[heading, ...lastWords(end.logTail, style)]];
  });
}

function lastWords(logTail: readonly string[], style: Style): string[] {
  const log = logTail.slice(-20).map((line) => `  ${style.dim("|")} ${plainText(line)}`);
  return log.length === 0 ? ["  No output."] : ["  Last output:", ...log];
}

/** `connection refused (5 times)`: equal neighbours become one line. */
function counted(lines: readonly string[]): string[] {
  const runs: { readonly line: string; times: number }[] = [];
  for (const line of lines) {
    const last = runs.at(-1);
    if (last?.line === line) last.times += 1;
    else runs.push({ line, times: 1 });
  }
  return runs.map(({ line, times }) => (times === 1 ? line : `${line} (${times} times)`));
}

function failuresOf(rollout: Rollout, status: ServiceStatus | undefined): readonly ServerFailure[] {
  return (status?.failures ?? []).filter((failure) => failure.atMs >= rollout.startedAtMs);
}

function endLines(
  rollout: Rollout,
  status: ServiceStatus | undefined,
  durationMs: number,
  style: Style,
): string[] {
  const took = formatDuration(durationMs);
  const why = rollout.reason === undefined ? "." : `: ${withFullStop(plainText(rollout.reason))}`;
  switch (rollout.phase) {
    case "complete":
      return completeLines(rollout, status, took, style);
    case "rolled-back":
      return [
        `${style.warn("Rolled back")} ${rollout.service}, ${journeyBack(rollout)}, after ${took}${why}`,
        `  Release ${rollout.from ?? "none"} serves as before.`,
      ];
    case "superseded":
      return [`${style.warn("Superseded")} ${rollout.service}, ${journey(rollout)}${why}`];
    case "paused":
      if (rollout.kind === "move" && waitsForPromotion(rollout))
        return readyLines(rollout, status, took, style);
      return [
        `${style.bad("Paused")} ${rollout.service}, ${journey(rollout)}, after ${took}${why}`,
        ...previewLines(status),
        `  \`kiln rollout resume ${rollout.service}\` continues it, \`promote\` continues without waiting, \`abort\` rolls it back.`,
      ];
    default:
      return [`${style.bad("Failed")} ${rollout.service}, ${journey(rollout)}, after ${took}${why}`];
  }
}

/** It waits on the other target, and nothing has changed for its users. */
function readyLines(
  { service, from, to }: Rollout,
  status: ServiceStatus | undefined,
  took: string,
  style: Style,
): string[] {
  const { target, addresses = [] } = status?.move ?? {};
  const there = (status?.servers ?? []).filter(({ release }) => release === to).map(({ address }) => address);
  const reached = [...addresses, ...there.filter((address) => address !== undefined)];
  return [
    `${style.good("Ready")} ${style.bold(service)} release ${to} on ${target?.name ?? "the other target"}, after ${took}. Release ${from} serves on ${status?.target.name}, as before.`,
    ...reached.map((address) => `  ${address}`),
  ];
}

/** Where the new release can be tried before it gets traffic. */
export function previewLines(status: ServiceStatus | undefined): string[] {
  return status?.preview === undefined
    ? []
    : [`  preview ${status.preview.address} (only release ${status.preview.release})`];
}

function completeLines(
  rollout: Rollout,
  status: ServiceStatus | undefined,
  took: string,
  style: Style,
): string[] {
  const release = status?.serving;
  const version = release === undefined ? "" : ` (${release.version})`;
  const addresses = status?.addresses ?? [];
  const servers = status === undefined ? "" : ` with ${plural(status.count, "server")}`;
  return [
    `${style.good("Done")} ${style.bold(rollout.service)} release ${rollout.to}${version} serves${servers}, in ${took}.`,
    ...addresses.map((address) => `  ${address}`),
  ];
}
