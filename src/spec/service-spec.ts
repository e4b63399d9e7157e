import type { HealthCheck } from "../domain/spec/health-check.ts";
import type { FileSpec, ImageSpec } from "../domain/spec/image-spec.ts";
import type { JobSpec, ScheduleSpec } from "../domain/spec/job-spec.ts";
import type { AnalysisSpec, RolloutPolicy, Step } from "../domain/spec/rollout-policy.ts";
import {
  type HealthSpec,
  type SecretSpec,
  type ServerShape,
  secretsFolder,
} from "../domain/spec/server-shape.ts";
import type { ServiceSpec } from "../domain/spec/spec.ts";
import type { TrafficSpec } from "../domain/spec/traffic-spec.ts";
import type { UpkeepPolicy } from "../domain/spec/upkeep-policy.ts";
import type { VolumeSpec } from "../domain/spec/volume-spec.ts";
import type { ProjectFiles } from "./project-files.ts";
import type { SpecDocument } from "./schema/document.ts";

type Found = Omit<ProjectFiles, "breaches">;

/** A valid document as the domain's types. `files` has the looked-up paths. */
export function toServiceSpec(
  document: SpecDocument,
  environment: string | undefined,
  files: Found,
): ServiceSpec {
  const { servers, traffic } = document;
  return {
    service: document.service,
    target: document.target,
    environment,
    image: toImage(document.image, files),
    count: servers.count,
    shape: toShape(servers),
    ...given({ timeZone: servers.timeZone, locale: servers.locale }),
    secrets: servers.secrets.map(toSecret),
    files: servers.files.map(({ from, to, mode }, index) => {
      return { from: files.configSources[index] ?? from, to, mode: mode ?? 0o444 };
    }),
    health: toHealth(document),
    traffic: traffic && toTraffic(traffic, files.tls),
    rollout: toRollout(document.rollout),
    upkeep: toUpkeep(document),
    jobs: [...document.jobs.before.map(toJob("before")), ...document.jobs.after.map(toJob("after"))],
    ...(document.jobs.cron.length === 0 ? {} : { schedules: document.jobs.cron.map(toSchedule) }),
    ...(document.ladder === undefined ? {} : { ladder: document.ladder }),
    ...toNetwork(document.network),
    ...(document.after.length === 0 ? {} : { after: document.after }),
  };
}

function toNetwork({ allow, metadata }: SpecDocument["network"]): Pick<ServiceSpec, "network"> {
  const network = given({ allow, metadata: metadata || undefined });
  return Object.keys(network).length === 0 ? {} : { network };
}

function toShape(servers: SpecDocument["servers"]): ServerShape {
  const { port, timeZone, locale, memory, cpus, writable, volumes, init, stop, sharedMemory, ulimits } =
    servers;
  const { devices } = servers;
  const env = {
    ...servers.env,
    ...(timeZone === undefined ? {} : { TZ: timeZone }),
    ...(locale === undefined ? {} : { LANG: locale }),
  };
  return {
    ...{ port, env, memoryBytes: memory, cpus, writable },
    ...given({
      volumes: volumes.length === 0 ? undefined : volumes.map(toVolume),
      init: init || undefined,
      stop: stop && given({ signal: stop.signal, graceMs: stop.grace }),
      sharedMemoryBytes: sharedMemory,
      ulimits: ulimits && toUlimits(ulimits),
      devices: devices.length === 0 ? undefined : devices,
    }),
  };
}

function toUlimits(limits: NonNullable<SpecDocument["servers"]["ulimits"]>): ServerShape["ulimits"] {
  return Object.fromEntries(
    Object.entries(limits).map(([name, limit]) => [
      name,
      typeof limit === "number" ? { soft: limit, hard: limit } : limit,
    ]),
  );
}

function toSchedule(written: SpecDocument["jobs"]["cron"][number]): ScheduleSpec {
  const { name, schedule, timeZone, command, overlap, deadline, keep } = written;
  return { name, schedule, timeZone, command, overlap, deadlineMs: deadline, keep };
}

function toJob(when: JobSpec["when"]) {
  return ({ name, command, deadline }: SpecDocument["jobs"]["before"][number]): JobSpec => {
    return { name, when, command, deadlineMs: deadline };
  };
}

export function toTraffic(written: Written, tls: ProjectFiles["tls"]): TrafficSpec {
  const { mode, listen, preview, paths, address, redirect, protocol, trustedProxies, limits, maintenance } =
    written;
  const { stripPrefix, sticky, acceptProxy, sendProxy, accessLog } = written;
  return {
    ...{ mode, listen, ...toHosts(written) },
    ...given({ preview, paths, address, trustedProxies, maintenance, tls }),
    ...given({
      redirect:
        tls && "acme" in tls && tls.acme.challenge === undefined ? { http: acmePort, ...redirect } : redirect,
    }),
    ...given({ protocol: protocol === "h2c" ? protocol : undefined, limits: limits && toLimits(limits) }),
    // What is off is absent.
    ...given({ stripPrefix: stripPrefix || undefined, sticky: sticky || undefined }),
    ...given({ acceptProxy: acceptProxy || undefined, sendProxy: sendProxy || undefined }),
    ...given({ accessLog: accessLog || undefined }),
  };
}

/** Where an authority asks (RFC 8555, section 8.3), unless something else passes it on. */
const acmePort = 80;

type Written = NonNullable<SpecDocument["traffic"]>;

function toLimits({ body, headers, timeout, idle }: NonNullable<Written["limits"]>): TrafficSpec["limits"] {
  return given({ bodyBytes: body, headersBytes: headers, timeoutMs: timeout, idleMs: idle });
}

/** One plain name is `host`, however it was written: the same traffic has one form. */
function toHosts({ host, hosts }: Written) {
  const names = [...new Set(hosts)];
  const [only] = names;
  if (only === undefined) return { host };
  return names.length === 1 && !only.startsWith("*") ? { host: only } : { host: undefined, hosts: names };
}

/** Without the keys that are absent: a release holds no trace of a key that its spec does not have. */
function given<T extends object>(keys: T): T {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined)) as T;
}

function toImage(image: SpecDocument["image"], files: Found): ImageSpec {
  const { from } = image;
  return {
    version: image.version,
    from: "path" in from ? { ...from, path: files.base ?? from.path } : from,
    ...(Object.keys(image.args).length === 0 ? {} : { args: image.args }),
    ...(image.network === "internet" ? { network: image.network } : {}),
    packages: image.packages,
    sources: image.sources,
    ...(image.engine === "full" ? { engine: image.engine } : {}),
    skipScripts: image.skipScripts,
    files: image.files.map((file, index): FileSpec => {
      return { from: files.sources[index] ?? file.from, to: file.to, mode: file.mode, owner: file.owner };
    }),
    exclude: image.exclude,
    users: image.users.map(({ name, uid, group, groups, home, shell }) => {
      return { name, uid, group, groups, home, shell };
    }),
    folders: image.folders.map(({ path, mode, owner }) => ({ path, mode: mode ?? 0o755, owner })),
    links: image.links,
    env: image.env,
    labels: image.labels,
    user: image.user,
    command: image.command,
  };
}

function toVolume(volume: SpecDocument["servers"]["volumes"][number]): VolumeSpec {
  const { name, path, size, shared, snapshot, keep, dataVersion } = volume;
  return {
    ...{ name, path, shared },
    ...(size === undefined ? {} : { sizeBytes: size }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(keep === undefined ? {} : { keep }),
    ...(dataVersion === undefined ? {} : { dataVersion }),
  };
}

function toSecret({ name, path, env }: SpecDocument["servers"]["secrets"][number]): SecretSpec {
  if (env !== undefined) return { name, delivery: { kind: "env", variable: env } };
  return { name, delivery: { kind: "file", path: path ?? `${secretsFolder}/${name}` } };
}

function toHealth({ health, servers, traffic }: SpecDocument): HealthSpec {
  return {
    check: toCheck(health, servers.port === undefined || traffic?.mode === "udp"),
    intervalMs: health.interval,
    timeoutMs: health.timeout,
    ready: health.ready,
    unready: health.unready,
    deadlineMs: health.deadline,
    ...given({ startPeriodMs: health.startPeriod || undefined }),
  };
}

function toCheck(health: SpecDocument["health"], hasNoTcpPort: boolean): HealthCheck {
  const { http, grpc, tcp, method, host, headers, status, body, ca, port } = health;
  const tls = health.tls ? given({ ca }) : undefined;
  if (grpc !== undefined) return { kind: "grpc", service: grpc, ...given({ host, tls, port }) };
  if (http === undefined)
    return hasNoTcpPort && tcp === undefined ? { kind: "alive" } : { kind: "tcp", ...given({ port }) };
  return {
    ...{ kind: "http", path: http },
    ...given({
      method: method === "GET" ? undefined : method,
      host,
      headers,
      statuses: status,
      body,
      tls,
      port,
    }),
  };
}

function toRollout(rollout: SpecDocument["rollout"]): RolloutPolicy {
  return {
    strategy: rollout.strategy,
    steps: (rollout.steps ?? []).map(toStep),
    promote: rollout.promote ?? "auto",
    surge: rollout.surge ?? 1,
    unavailable: rollout.unavailable ?? 0,
    bakeMs: rollout.bake,
    drainMs: rollout.drain,
    keepWarmMs: rollout.keepWarm,
    progressDeadlineMs: rollout.progressDeadline,
    onFailure: rollout.onFailure,
  };
}

function toUpkeep({ drift, servers }: SpecDocument): UpkeepPolicy {
  return { drift, ...(servers.maxAge === undefined ? {} : { maxAgeMs: servers.maxAge }) };
}

function toStep(step: NonNullable<SpecDocument["rollout"]["steps"]>[number]): Step {
  const { share, hold, analysis } = step;
  return { share, holdMs: hold, ...(analysis === undefined ? {} : { analysis: toAnalysis(analysis) }) };
}

function toAnalysis(
  analysis: NonNullable<NonNullable<SpecDocument["rollout"]["steps"]>[number]["analysis"]>,
): AnalysisSpec {
  const { requests, errorRate, latency, interval, query, http } = analysis;
  return {
    minRequests: requests,
    maxErrorRate: errorRate,
    maxLatencyRatio: latency,
    intervalMs: interval,
    ...(query === undefined ? {} : { query }),
    ...(http === undefined ? {} : { http }),
  };
}
