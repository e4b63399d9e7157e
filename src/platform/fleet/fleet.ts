import type { ImageDigest, ServerId, ServiceKey } from "../../domain/ids.ts";
import type { Observation, ServiceWarning } from "../../domain/observation.ts";
import type { Shares } from "../../domain/rollout/actions.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { previewFrontend } from "../../domain/traffic/listener.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { Timetable } from "../../lib/time/timetable.ts";
import { previewedBy, previewKey } from "../../router/preview-key.ts";
import type { RoutedService, Router } from "../../router/router.ts";
import type { Access } from "../contract/access.ts";
import type { Call } from "../contract/call.ts";
import type { Evidence, Taint } from "../contract/evidence.ts";
import type { JobRunner } from "../contract/jobs.ts";
import type { Candidate, GroupSpec, Platform } from "../contract/platform.ts";
import type { Readiness } from "../contract/readiness.ts";
import type { AccessLogReader, LogReader, TrafficStats, UsageReader } from "../contract/reading.ts";
import type { Volumes } from "../contract/volumes.ts";
import { Background } from "./background.ts";
import { GroupReconciler } from "./group-reconciler.ts";
import type { Prober } from "./health/prober.ts";
import { sharedFailures } from "./health/shared-failure.ts";
import type { Host } from "./host.ts";
import { Inventory } from "./inventory.ts";
import { Jobs } from "./jobs.ts";
import { observation } from "./look.ts";
import { Looks } from "./looks.ts";
import { type Group, isRunning, Memory } from "./memory.ts";
import { parseReproductionId } from "./server-id.ts";
import { Servers } from "./servers.ts";
import { Terminations } from "./terminations.ts";
import { accessLogOf } from "./traffic/access-log.ts";
import { countersOf } from "./traffic/counts.ts";
import { Traffic } from "./traffic/traffic.ts";

export interface FleetOptions {
  readonly host: Host;
  readonly router: Router;
  readonly clock: Clock;
  readonly prober: Prober;
  readonly log: Logger;
  /** Throws when no server of this image may be started any more. Absent: every image may be. */
  readonly requireStartable?: ((image: ImageDigest) => void) | undefined;
  /** How many servers are created at once; 4 by default. */
  readonly parallelism?: number;
}

/** A platform made of a host and a router. Disposing of it ends its timers and waits; servers and router keep running. */
export type Fleet = Platform & Required<Pick<Platform, "preview" | "quarantine">> & AsyncDisposable;

/** A doubt about a process is looked into at most this often, for all servers together. */
const doubtPauseMs = 1000;
/** Servers without a health check of their own are looked after this often, in addition to the host's own reports. */
const aliveMs = 5000;
const stopRouterMs = 10_000;

/** Nothing happens before the first call: it reads what a former controller left, and continues from there. */
export function createFleet(options: FleetOptions): Fleet {
  return new HostFleet(options);
}

class HostFleet implements Fleet {
  readonly name: Host["name"];
  readonly split = "any";
  readonly ports = "machine";
  readonly logs?: LogReader;
  readonly usage?: UsageReader;
  readonly forecast?: NonNullable<Platform["forecast"]>;
  readonly volumes?: Volumes;
  readonly jobs?: JobRunner;
  readonly names?: true;
  readonly exec?: Access;
  readonly reproduce?: NonNullable<Platform["reproduce"]>;
  readonly traffic: TrafficStats = {
    read: async (service, call) => countersOf(await this.#router.counts(service, call)),
  };
  readonly accessLog?: AccessLogReader;
  readonly #host: Host;
  readonly #router: Router;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #memory = new Memory();
  readonly #background: Background;
  readonly #traffic: Traffic;
  readonly #terminations: Terminations;
  readonly #jobs: Jobs | undefined;
  readonly #groups: GroupReconciler;
  readonly #looks: Looks;
  readonly #watchers = new Set<(service: ServiceKey) => void>();

  constructor(options: FleetOptions) {
    const { host, router, clock, prober, log, parallelism = 4, requireStartable } = options;
    this.name = host.name;
    if (host.logs) this.logs = host.logs;
    if (host.usage) this.usage = host.usage;
    if (host.forecast) this.forecast = host.forecast;
    if (host.names) this.names = true;
    if (host.volumes) this.volumes = host.volumes;
    if (host.access) this.exec = this.#letIn(host.access);
    if (router.accessLog) this.accessLog = accessLogOf(router.accessLog);
    this.#host = host;
    this.#router = router;
    this.#clock = clock;
    this.#log = log;
    this.#background = new Background(clock, log);
    this.#traffic = new Traffic(router, this.#memory, this.#background, host.names);
    const shared = {
      host,
      memory: this.#memory,
      traffic: this.#traffic,
      background: this.#background,
      onChange: (group: Group) => this.#groups.noteChange(group),
    };
    // Stopping a server is mostly waiting for its process to end.
    const terminations = new Terminations({ ...shared, router, parallelism: parallelism * 4 });
    const servers = new Servers({
      ...shared,
      ...{ prober, terminations, parallelism },
      timetable: new Timetable(clock, this.#background.signal),
      requireStartable,
      onDoubt: ({ release }) =>
        this.#looks.doubt(release.health.check.kind === "alive" ? aliveMs : doubtPauseMs),
    });
    const { runJob } = host;
    const onChange = (service: ServiceKey) => this.#tell(service);
    const jobs = runJob && new Jobs({ ...shared, runJob, requireStartable, onChange });
    if (jobs !== undefined) {
      this.jobs = {
        run: this.#afterAdoption((order, call) => jobs.run(order, call)),
        end: this.#afterAdoption((id, call) => jobs.end(id, call)),
        forget: this.#afterAdoption((id, call) => jobs.forget(id, call)),
      };
      this.reproduce = this.#afterAdoption((server, release) => jobs.reproduce(server, release));
    }
    this.#terminations = terminations;
    this.#jobs = jobs;
    this.#groups = new GroupReconciler({
      ...{ ...shared, servers, terminations },
      onSettled: (group) => this.#settled(group),
    });
    const inventory = new Inventory({ ...shared, log, servers, terminations, jobs });
    this.#looks = new Looks({ ...shared, router, inventory, onRouterEnded: () => this.#tellOfAll() });
  }

  /** What a former controller left is known before the work begins. */
  #afterAdoption<Args extends readonly unknown[], Result>(
    work: (...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result> {
    return async (...args) => {
      await this.#looks.adopted();
      return work(...args);
    };
  }

  async probe(call: Call): Promise<Readiness> {
    const [host, router] = await Promise.all([this.#host.probe(call), this.#router.probe(call)]);
    const gaps = router.problems.map((problem) => ({ ...problem, severity: "fatal" as const }));
    return {
      usable: host.usable && gaps.length === 0,
      gaps: [...host.gaps, ...gaps],
      facts: [...host.facts, ...router.facts],
      ...(host.integrity ? { integrity: host.integrity } : {}),
    };
  }

  async observe(call: Call): Promise<Observation> {
    await this.#looks.adopted();
    const routed = await this.#looks.look(call);
    this.#memory.forgetOldFailures(this.#clock.elapsed());
    const seen = observation(this.#memory.groups.values(), routed, this.#traffic, this.#clock);
    return {
      ...seen,
      ...(this.#jobs === undefined
        ? {}
        : { jobs: this.#jobs.observed(), reproductions: this.#jobs.reproductions() }),
      warnings: [
        ...(await this.#renewCertificates(routed, call)),
        ...this.#hostTroubles(),
        ...this.#background.warnings(),
        ...sharedFailures([...this.#memory.groups.values()].flatMap(({ members }) => [...members.values()])),
      ],
    };
  }

  async resize(spec: GroupSpec, size: number, _call: Call): Promise<void> {
    await this.#looks.adopted();
    this.#groups.resize(spec, size);
  }

  async route(service: ServiceKey, shares: Shares, releases: readonly Release[], _call: Call): Promise<void> {
    await this.#looks.adopted();
    for (const { release } of shares) this.#memory.group(service, release);
    await this.#traffic.set(service, shares, releases);
    if (shares.length === 0 && this.#memory.isEmpty) this.#stopRouter();
  }

  async preview(service: ServiceKey, release: Release | undefined, _call: Call): Promise<void> {
    await this.#looks.adopted();
    await this.#traffic.show(service, release);
  }

  async quarantine(server: ServerId, reason: Taint, call: Call): Promise<Evidence> {
    await this.#keepAway(server);
    return this.#host.quarantine(server, reason, call);
  }

  async #keepAway(server: ServerId): Promise<void> {
    await this.#looks.adopted();
    const member = this.#memory.find(server);
    if (member === undefined) throw new KilnError("server_unknown", `There is no server ${server}.`);
    await this.#terminations.quarantine(member);
  }

  #letIn(access: Access): Access {
    return {
      ...access,
      isolate: async (server, call) => {
        await this.#keepAway(server);
        await access.isolate(server, call);
      },
    };
  }

  async retire(server: ServerId, _call: Call): Promise<void> {
    await this.#looks.adopted();
    const member = this.#memory.find(server);
    if (member !== undefined && isRunning(member)) this.#terminations.leave(member);
  }

  async destroy(server: ServerId, call: Call): Promise<void> {
    await this.#looks.adopted();
    const member = this.#memory.find(server);
    if (this.#jobs && parseReproductionId(server)) await this.#jobs.forget(server, call);
    else if (member === undefined) await this.#host.destroy(server, call);
    else await this.#terminations.destroy(member, call);
  }

  watch(changed: (service: ServiceKey) => void): Disposable {
    const watcher = (service: ServiceKey) => changed(service);
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  async preflight(release: Candidate, call: Call): Promise<void> {
    const { service, image, traffic } = release;
    this.#host.requireSupported?.(release);
    if (image !== undefined) await this.#host.check({ service, image }, call);
    if (traffic !== undefined) await this.#router.check(service, [traffic], call);
    const preview = previewFrontend(traffic);
    if (preview !== undefined) await this.#router.check(previewKey(service), [preview], call);
  }

  publish(release: Pick<Release, "service" | "image">, call: Call): Promise<void> {
    return this.#host.prepare(release, call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#looks[Symbol.dispose]();
    this.#watchers.clear();
    await this.#background[Symbol.asyncDispose]();
  }

  #hostTroubles(): readonly ServiceWarning[] {
    return (this.#host.troubles?.() ?? []).map((trouble) => ({ service: undefined, ...trouble }));
  }

  /** A fault here must not hide the rest from callers. */
  async #renewCertificates(routed: readonly RoutedService[], call: Call): Promise<readonly ServiceWarning[]> {
    try {
      const warnings = (await this.#router.renew?.(routed, call)) ?? [];
      return warnings.filter(({ service = "" }) => previewedBy(service) === undefined); // it has its service's certificate
    } catch (error) {
      if (!call.signal.aborted) this.#log.warn({ err: error }, "Looking after certificates failed");
      return [];
    }
  }

  /** The watcher starts a router that has ended again. */
  #tellOfAll(): void {
    const services = new Set([...this.#memory.groups.values()].map(({ service }) => service));
    for (const service of services) this.#tell(service);
  }

  #settled(group: Group): void {
    if (this.#memory.isEmpty) this.#stopRouter();
    this.#tell(group.service);
  }

  #tell(service: ServiceKey): void {
    if (this.#background.signal.aborted) return;
    for (const changed of this.#watchers) changed(service);
  }

  /**
   * No server is left: unless a service still has a way in, the router is not needed any more. Once begun this is
   * finished, also when the controller is asked to end meanwhile: no controller would look after that router again.
   */
  #stopRouter(): void {
    const signal = AbortSignal.timeout(stopRouterMs);
    void this.#background.run("Stopping the router", () => this.#router.stopIdle({ signal }));
  }
}
