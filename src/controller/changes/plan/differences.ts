import { isDeepStrictEqual } from "node:util";
import type { ReleaseDraft } from "../../../domain/rollout/release.ts";
import { checkWords } from "../../../domain/spec/health-check.ts";
import type { HealthSpec } from "../../../domain/spec/server-shape.ts";
import type { TlsSpec } from "../../../domain/spec/traffic-spec.ts";
import { matchesOf, matchKey } from "../../../domain/traffic/listener.ts";
import { canonicalJson } from "../../../lib/canonical-json.ts";
import { spanWords } from "../../../lib/time/span.ts";

/** What a draft changes against the release that serves: one sentence each, values of the environment left out. */
export function differences(before: ReleaseDraft | undefined, after: ReleaseDraft): readonly string[] {
  if (before === undefined)
    return [
      "this is the first release",
      ...changed("devices", undefined, devices(after.shape)),
      ...changed("cloud metadata", "closed", metadata(after)),
    ];
  const { shape, health } = before;
  return [
    ...changed(
      "image",
      `${before.version} (${short(before.image)})`,
      `${after.version} (${short(after.image)})`,
    ),
    ...changed("port", shape.port, after.shape.port),
    ...changed("memory", mebibytes(shape.memoryBytes), mebibytes(after.shape.memoryBytes)),
    ...changed("cpus", shape.cpus, after.shape.cpus),
    ...changed("writable paths", shape.writable.join(", "), after.shape.writable.join(", ")),
    ...named("volume", byKey(shape.volumes ?? [], "name"), byKey(after.shape.volumes ?? [], "name")),
    ...changed("init", shape.init, after.shape.init),
    ...changed("stop signal", shape.stop?.signal, after.shape.stop?.signal),
    ...changed("stop grace", span(shape.stop?.graceMs), span(after.shape.stop?.graceMs)),
    ...changed("shared memory", mebibytes(shape.sharedMemoryBytes), mebibytes(after.shape.sharedMemoryBytes)),
    ...changed("ulimits", ulimits(shape), ulimits(after.shape)),
    ...changed("devices", devices(shape), devices(after.shape)),
    ...named("environment", new Map(Object.entries(shape.env)), new Map(Object.entries(after.shape.env))),
    ...named("secret", byKey(before.secrets, "name"), byKey(after.secrets, "name")),
    ...named("file", byKey(before.files, "to"), byKey(after.files, "to")),
    ...named("job", byKey(before.jobs, "name"), byKey(after.jobs, "name")),
    ...named("scheduled job", byKey(before.schedules ?? [], "name"), byKey(after.schedules ?? [], "name")),
    ...healthDifferences(health, after.health),
    ...changed("reached by", callers(before), callers(after)),
    ...changed("cloud metadata", metadata(before), metadata(after)),
    ...changed("traffic", frontend(before.traffic), frontend(after.traffic)),
  ];
}

/** Other than by the words: headers and authorities, whose values are not shown. */
function healthDifferences(before: HealthSpec, after: HealthSpec): readonly string[] {
  const differences = [
    ...changed("health check", checkWords(before.check), checkWords(after.check)),
    ...changed("health interval", span(before.intervalMs), span(after.intervalMs)),
    ...changed("health timeout", span(before.timeoutMs), span(after.timeoutMs)),
    ...changed("checks until ready", before.ready, after.ready),
    ...changed("checks until unready", before.unready, after.unready),
    ...changed("health deadline", span(before.deadlineMs), span(after.deadlineMs)),
    ...changed("start period", span(before.startPeriodMs), span(after.startPeriodMs)),
  ];
  if (differences.length > 0 || isDeepStrictEqual(before, after)) return differences;
  return ["health check: changed"];
}

function changed(what: string, before: unknown, after: unknown): readonly string[] {
  const words = (value: unknown) => (value === undefined || value === "" ? "none" : String(value));
  return words(before) === words(after) ? [] : [`${what}: ${words(before)} -> ${words(after)}`];
}

/** What is new, gone or changed, by name alone: the values may be confidential. */
function named(
  what: string,
  before: ReadonlyMap<string, unknown>,
  after: ReadonlyMap<string, unknown>,
): readonly string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    if (isDeepStrictEqual(before.get(name), after.get(name))) return [];
    const how = !before.has(name) ? "new" : !after.has(name) ? "gone" : "changed";
    return [`${what} ${name}: ${how}`];
  });
}

function byKey<Key extends string, Item extends Readonly<Record<Key, string>>>(
  items: readonly Item[],
  key: Key,
): ReadonlyMap<string, Item> {
  return new Map(items.map((item) => [item[key], item]));
}

function callers({ network }: ReleaseDraft): string {
  const { allow } = network ?? {};
  if (allow === undefined) return "services of its environment";
  return allow.length === 0 ? "itself alone" : allow.join(", ");
}

function metadata({ network }: ReleaseDraft): string {
  return network?.metadata ? "open: servers can read this machine's cloud credentials" : "closed";
}

function frontend(traffic: ReleaseDraft["traffic"]): string | undefined {
  if (traffic === undefined) return undefined;
  const {
    mode,
    listen,
    preview,
    host: _host,
    hosts: _hosts,
    paths: _paths,
    stripPrefix,
    tls,
    ...rest
  } = traffic;
  const matches = matchesOf(traffic)
    .map(matchKey)
    .filter((key) => key !== "");
  const words = [
    `${mode} :${listen}${matches.length === 0 ? "" : ` for ${matches.join(", ")}`}`,
    ...(stripPrefix ? [" (path stripped)"] : []),
    ...(tls === undefined ? [] : [` with TLS (${certificate(tls)})`]),
    ...(preview === undefined ? [] : [`, preview :${preview}`]),
    ...Object.entries(rest).map(([key, value]) => `, ${key} ${canonicalJson(value)}`),
  ];
  return words.join("");
}

function certificate(tls: TlsSpec): string {
  if ("secret" in tls) return `the secret ${tls.secret}`;
  return "acme" in tls ? `issued by ${tls.acme.directory}` : `${tls.certificate}, ${tls.key}`;
}

function ulimits({ ulimits = {} }: ReleaseDraft["shape"]): string {
  const words = (limit: number) => (limit === -1 ? "unlimited" : String(limit));
  return Object.entries(ulimits)
    .map(([name, { soft, hard }]) => `${name} ${words(soft)}:${words(hard)}`)
    .sort()
    .join(", ");
}

function devices({ devices = [] }: ReleaseDraft["shape"]): string {
  if (devices.length === 0) return "";
  return `${devices.join(", ")} (less isolated: servers reach drivers of this machine's kernel)`;
}

function span(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : spanWords(ms);
}

function mebibytes(bytes: number | undefined): string | undefined {
  return bytes === undefined ? undefined : `${bytes / 2 ** 20} MiB`;
}

function short(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}
