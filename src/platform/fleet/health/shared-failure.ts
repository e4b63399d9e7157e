import type { ServiceKey } from "../../../domain/ids.ts";
import type { ServiceWarning } from "../../../domain/observation.ts";
import type { Member } from "../memory.ts";
import { durationWords } from "./failure.ts";

/** What of a server shows whether it failed together with others. */
export type Checked = Pick<Member, "name" | "release" | "state" | "health">;

/** Failures that one cause explains are found one after the other: each server is asked at a moment of its own. */
const togetherMs = 3000;

/** All servers of a service, or of all of them, that are not healthy any more. */
interface Failure {
  readonly servers: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly words: readonly string[];
}

/**
 * Warnings of servers that all stopped passing their health checks at about the same time: of a service with two or more of
 * them, or of the machine, when no service is left of which that is not true. While one of them is healthy, or has
 * never been, there is none: something tells it apart.
 */
export function sharedFailures(servers: readonly Checked[]): readonly ServiceWarning[] {
  const byService = Map.groupBy(servers.filter(isAsked), ({ name }) => name.service);
  const failed = [...byService].flatMap(([service, all]) => {
    const failure = failureOf(all);
    return failure === undefined ? [] : [{ service, failure }];
  });
  const ofAll =
    failed.length > 1 && failed.length === byService.size && failureOf([...byService.values()].flat());
  if (ofAll) return [machineWarning(ofAll, failed.length)];
  return failed.filter(({ failure }) => failure.servers > 1).map(serviceWarning);
}

/** Is it meant to serve, and does anything but its process show whether it can? */
function isAsked({ state, release }: Checked): boolean {
  const isMeant = state === "creating" || state === "starting" || state === "ready";
  return isMeant && release.health.check.kind !== "alive";
}

function failureOf(servers: readonly Checked[]): Failure | undefined {
  const lost = servers.flatMap(({ health }) => (health?.lost === undefined ? [] : [health.lost]));
  const times = lost.map(({ atMs }) => atMs);
  const [firstMs, lastMs] = [Math.min(...times), Math.max(...times)];
  const slowestMs = Math.max(
    ...servers.map(({ release: { health } }) => health.intervalMs + health.timeoutMs),
  );
  if (lost.length < servers.length || lastMs - firstMs > slowestMs + togetherMs) return undefined;
  return {
    servers: lost.length,
    firstMs,
    lastMs,
    words: [...new Set(lost.map(({ words }) => words))].sort(),
  };
}

function serviceWarning({ service, failure }: { readonly service: ServiceKey; readonly failure: Failure }) {
  return {
    service,
    message: `All ${failure.servers} servers of ${service} ${wordsOf(failure)}`,
    hint: "All of them fail alike, so look for what they share: a database, a name server, the network of this machine.",
  };
}

function machineWarning(failure: Failure, services: number): ServiceWarning {
  return {
    service: undefined,
    message: `All ${failure.servers} servers of all ${services} services ${wordsOf(failure)}`,
    hint: "The most likely cause is the machine: its network, its memory, its load. `kiln doctor` checks it.",
  };
}

/** How many different reasons are listed. */
const mostWords = 3;

function wordsOf({ firstMs, lastMs, words }: Failure): string {
  const told = words.slice(0, mostWords).join("; ");
  const others = words.length > mostWords ? "; and others" : "";
  return `failed their health checks within ${durationWords(Math.max(100, lastMs - firstMs))}: ${told}${others}.`;
}
