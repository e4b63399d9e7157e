import type { TaintedServer } from "../../domain/drift/taint.ts";
import type { KilnEvent } from "../../domain/event.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { GroupObservation, Observation } from "../../domain/observation.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { DesiredService, Move } from "../../domain/rollout/rollout.ts";
import { hourMs } from "../../domain/traffic/traffic.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import { differences } from "../changes/plan/differences.ts";
import type { Images } from "../images/images.ts";
import { revocationOf, revokedWarning } from "../images/revocations.ts";
import { jobWarnings } from "../jobs/warnings.ts";
import type { Glance } from "../loop/observer.ts";
import type {
  History,
  Operations,
  ReleaseSummary,
  ServerStatus,
  ServerTaint,
  ServiceStatus,
} from "../operations.ts";
import { overrideWarnings } from "../policy/override-warnings.ts";
import { sourceWarnings } from "../sources/warnings.ts";
import type { Site } from "../targets/site.ts";
import type { Targets } from "../targets/targets.ts";
import { byService } from "./by-service.ts";
import { overviewOf } from "./overview.ts";
import { phasesOf } from "./phases.ts";
import { reachOf } from "./reach.ts";

/** More than the rollouts that are kept are likely to have. */
const eventsOfHistory = 20_000;

export interface QueryParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly targets: Targets;
  readonly images: Images;
}

/** The operations that only look. */
export function createQueries(
  parts: QueryParts,
): Pick<
  Operations,
  "services" | "overview" | "status" | "rollout" | "history" | "keepRelease" | "diff" | "traffic" | "events"
> {
  const { targets, store, clock } = parts;
  return {
    services: () => allServices(parts),
    overview: async (asked = {}) => {
      const services = await allServices(parts);
      const newest = store.newestRollouts();
      const seen = services.map((status) => ({ status, last: newest.get(status.service) }));
      return overviewOf(seen, asked, clock.now());
    },
    status: async ({ service }) => {
      const desired = required(store, service);
      const other = targets.other(service);
      const [glance, there, news] = await Promise.all([
        glanceAt(targets.named(desired.target)),
        other && glanceAt(other),
        newsOf(parts, desired, "find"),
      ]);
      const status = statusOf(store, desired, { glance, there }, news);
      const { names } = glance.site.platform;
      return names ? { ...status, reach: reachOf(service, store.desiredAll()) } : status;
    },
    rollout: async ({ id }) => {
      const rollout = store.rollout(id);
      if (rollout !== undefined) return rollout;
      throw new KilnError("rollout_unknown", `There is no rollout ${id}.`, {
        hint: "`kiln history` lists them.",
      });
    },
    history: async ({ service }) => historyOf(parts, required(store, service)),
    keepRelease: async (asked, who) => ({ changed: store.keepRelease(asked, askerOf(asked, who)) }),
    diff: async ({ service, from, to }) => {
      const { releases } = required(store, service);
      const [before, after] = [from, to].map((number) => keptRelease(releases, service, number));
      return { changes: after === undefined ? [] : [...differences(before, after)] };
    },
    traffic: async ({ service, sinceMs = clock.now() - hourMs, untilMs = Number.MAX_SAFE_INTEGER }) => {
      const spans = store.traffic(service, { sinceMs, untilMs });
      if (spans.length === 0) required(store, service);
      return [...spans];
    },
    events: (asked, { signal } = {}) => eventsOf(store, asked, signal),
  };
}

/** What has become known of the image that serves. */
interface ImageNews {
  readonly vulnerabilities: ServiceStatus["vulnerabilities"];
  readonly warnings: ServiceStatus["warnings"];
}

/** `known`: without a scan that would have to be made first. */
async function newsOf(
  parts: QueryParts,
  { serving, releases }: DesiredService,
  scan: "find" | "known",
): Promise<ImageNews> {
  const image = serving === undefined ? undefined : releases.get(serving)?.image;
  if (image === undefined) return { vulnerabilities: undefined, warnings: [] };
  const revoked = revocationOf(parts, image, Number.POSITIVE_INFINITY);
  return {
    vulnerabilities: await parts.images.scanner?.[scan](image),
    warnings: revoked === undefined ? [] : [revokedWarning(image, revoked, parts.clock.now())],
  };
}

async function allServices(parts: QueryParts): Promise<ServiceStatus[]> {
  const { store, targets } = parts;
  const services = store.desiredAll();
  const used = new Set(services.flatMap(({ target, move }) => (move ? [target, move.target] : [target])));
  const glances = new Map(
    await Promise.all(
      [...used].map(async (name) => [name, byService(await glanceAt(targets.named(name)))] as const),
    ),
  );
  const all = await Promise.all(
    services.map(async (desired) => {
      const glance = glances.get(desired.target)?.(desired.service);
      const there = desired.move && glances.get(desired.move.target)?.(desired.service);
      return glance && statusOf(store, desired, { glance, there }, await newsOf(parts, desired, "known"));
    }),
  );
  return all.filter((status) => status !== undefined);
}

function keptRelease(releases: DesiredService["releases"], service: ServiceKey, number: number): Release {
  const release = releases.get(number);
  if (release !== undefined) return release;
  throw new KilnError("release_unknown", `${service} has no release ${number}.`, {
    hint: `There are: ${[...releases.keys()].join(", ") || "none"}.`,
  });
}

export function required(store: Store, service: ServiceKey): DesiredService {
  const desired = store.desired(service);
  if (desired !== undefined) return desired;
  const known = store.desiredAll().map((d) => d.service);
  throw new KilnError("service_unknown", `There is no service ${service}.`, {
    hint: known.length === 0 ? "`kiln deploy` makes one." : `There are: ${known.join(", ")}.`,
  });
}

interface Seen extends Glance {
  readonly site: Site;
}

async function glanceAt(site: Site): Promise<Seen> {
  return { site, ...(await site.loop.observer.glance()) };
}

const nothing: Observation = { groups: [], routed: [] };

function statusOf(
  store: Store,
  desired: DesiredService,
  { glance, there }: { readonly glance: Seen; readonly there: Seen | undefined },
  { vulnerabilities, warnings }: ImageNews,
): ServiceStatus {
  const { service, count, serving, rollout, warm, removed, givenUp = [] } = desired;
  const { site, observation = nothing, trouble } = glance;
  const { name, platform } = site.target;
  const groups = observation.groups.filter((g) => g.service === service);
  const away = there?.observation?.groups.filter((g) => g.service === service) ?? [];
  return {
    service,
    target: { name, platform, trouble },
    ...(there === undefined || desired.move === undefined
      ? {}
      : { move: moveOf(desired, desired.move, there) }),
    ...(givenUp.length === 0 ? {} : { givenUp: givenUp.map(({ target, release }) => ({ target, release })) }),
    count,
    serving: serving === undefined ? undefined : desired.releases.get(serving),
    rollout,
    addresses: addressesOf(observation, service, false),
    preview: previewOf(groups, addressesOf(observation, service, true)),
    warm,
    removing: removed,
    servers: [...groups, ...away].flatMap((group) => serversOf(group, desired)),
    shares: groups.filter(({ share }) => share > 0).map(({ release, share }) => ({ release, share })),
    jobs: (observation.jobs ?? [])
      .filter((job) => job.service === service)
      .map(({ id, release, rollout, run, name, state }) => ({
        ...{ id, release, rollout, name, state },
        ...(run === undefined ? {} : { run }),
      })),
    reproductions: (observation.reproductions ?? [])
      .filter((copy) => copy.service === service)
      .map((copy) => ({ ...copy, version: desired.releases.get(copy.release)?.version ?? "unknown" })),
    failures: store.failures(service),
    trouble: site.loop.trouble(service) ?? there?.site.loop.trouble(service),
    warnings: [
      ...[
        ...(observation.warnings ?? []),
        ...jobWarnings(desired),
        ...overrideWarnings(store, service),
        ...sourceWarnings(store, service),
      ]
        .filter((warning) => (warning.service ?? service) === service)
        .map(({ message, hint }) => ({ message, hint })),
      ...warnings,
    ],
    vulnerabilities,
  };
}

function moveOf(
  { service, rollout }: DesiredService,
  { release, keptUntilMs: untilMs }: Move,
  { site, observation = nothing, trouble }: Seen,
) {
  const { name, platform } = site.target;
  const phase = rollout?.kind === "move" ? "arriving" : untilMs === undefined ? "clearing" : "left";
  const addresses = addressesOf(observation, service, false);
  return { target: { name, platform, trouble }, phase, release, addresses, untilMs } as const;
}

function addressesOf({ addresses = [] }: Observation, service: ServiceKey, preview: boolean): string[] {
  return addresses.filter((a) => a.service === service && (a.preview ?? false) === preview).map((a) => a.url);
}

function previewOf(
  groups: readonly GroupObservation[],
  [address]: readonly string[],
): ServiceStatus["preview"] {
  const release = groups.find((g) => g.previewed)?.release;
  return release === undefined || address === undefined ? undefined : { release, address };
}

function serversOf(group: GroupObservation, desired: DesiredService): readonly ServerStatus[] {
  const { service, release } = group;
  const version = desired.releases.get(release)?.version ?? "unknown";
  return group.servers.map((server) => {
    const taint = desired.taints.find((t) => t.server === server.id);
    return { ...server, service, release, version, ...(taint && { taint: taintOf(taint, group) }) };
  });
}

function taintOf({ server: id, ...taint }: TaintedServer, group: GroupObservation): ServerTaint {
  const successor = group.servers.find(({ takesPlaceOf }) => takesPlaceOf === id);
  return { ...taint, replacedBy: successor?.id };
}

async function historyOf({ store, images }: QueryParts, desired: DesiredService): Promise<History> {
  const warm = new Set(desired.warm.map((w) => w.release));
  const keeps = store.keptReleases(desired.service);
  const releases = [...desired.releases.values()].map(async (release): Promise<ReleaseSummary> => {
    const found = keeps.get(release.number);
    const keep = found === undefined ? {} : { keep: found };
    if (release.number === desired.serving) return { release, state: "serving", ...keep };
    if (warm.has(release.number)) return { release, state: "warm", ...keep };
    return { release, state: (await images.has(release.image)) ? "kept" : "image gone", ...keep };
  });
  const events = store.events({ service: desired.service, newest: eventsOfHistory });
  const rollouts = store
    .rollouts(desired.service)
    .map((rollout) => ({ ...rollout, phases: phasesOf(rollout, events) }));
  return { releases: await Promise.all(releases), rollouts };
}

/** What is recorded, then what comes: the log is read on from where it was left, so nothing is missed or told twice. */
async function* eventsOf(
  store: Store,
  { after = 0, newest, follow, ...which }: Parameters<Operations["events"]>[0],
  signal: AbortSignal | undefined,
): AsyncIterable<KilnEvent> {
  let wake = () => {};
  using _news = store.subscribe(() => wake());
  const onAbort = () => wake();
  signal?.addEventListener("abort", onAbort);
  let last = after;
  try {
    if (newest !== undefined) {
      const end = store.lastSequence();
      yield* store.events({ after, newest, ...which });
      last = Math.max(after, end);
    }
    for (;;) {
      const more = store.events({ after: last, ...which });
      yield* more;
      last = more.at(-1)?.sequence ?? last;
      if (more.length > 0) continue;
      if (!follow || signal?.aborted) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
