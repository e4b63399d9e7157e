import { isDeepStrictEqual } from "node:util";
import type { ReleaseDraft } from "../domain/release.ts";

/** What a draft changes against the release that serves: one sentence each, values of the environment left out. */
export function differences(before: ReleaseDraft | undefined, after: ReleaseDraft): readonly string[] {
  if (before === undefined) return ["this is the first release"];
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
    ...environment(shape.env, after.shape.env),
    ...(isDeepStrictEqual(health, after.health) ? [] : ["the health check changes"]),
    ...changed("traffic", door(before.traffic), door(after.traffic)),
  ];
}

function changed(what: string, before: unknown, after: unknown): readonly string[] {
  const words = (value: unknown) => (value === undefined || value === "" ? "none" : String(value));
  return words(before) === words(after) ? [] : [`${what}: ${words(before)} -> ${words(after)}`];
}

function environment(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    if (before[name] === after[name]) return [];
    const how = before[name] === undefined ? "new" : after[name] === undefined ? "gone" : "changed";
    return [`environment ${name}: ${how}`];
  });
}

function door(traffic: ReleaseDraft["traffic"]): string | undefined {
  if (traffic === undefined) return undefined;
  const tls = traffic.tls === undefined ? "" : ` with TLS (${traffic.tls.certificate}, ${traffic.tls.key})`;
  return `${traffic.mode} :${traffic.listen}${traffic.host ? ` for ${traffic.host}` : ""}${tls}`;
}

function mebibytes(bytes: number | undefined): string | undefined {
  return bytes === undefined ? undefined : `${bytes / 2 ** 20} MiB`;
}

function short(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}
