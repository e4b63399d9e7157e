import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ServiceSpec } from "../domain/spec/spec.ts";
import { KilnError } from "../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../lib/files/files.ts";
import { sha256 } from "../lib/files/sha256.ts";
import { unprivileged } from "./layers/accounts.ts";
import type { Inputs } from "./layers/assemble.ts";
import type { LayerPlace } from "./layers/layers.ts";
import { hasBlob, readManifest } from "./store/image-store.ts";
import { hostArchitecture } from "./store/oci-types.ts";

/** Part of every build's cache key: raise it when the same inputs would give another image. */
const recipe = 4;

/**
 * 64 hex digits over everything that determines the image.
 * Absolute paths of the project are not an input: the same files in another folder make the same image. The commands of
 * jobs are not part of the image, but are checked against it.
 */
export function buildKey(
  { image, jobs, schedules = [], shape, timeZone, locale, secrets, files: delivered }: ServiceSpec,
  { base, bases, packages, files }: Inputs,
): string {
  const checked = [
    [...jobs, ...schedules].map(({ command }) => command[0]),
    shape.env.PATH,
    delivered.map(({ to }) => to),
    secrets,
    shape.writable,
    ...(timeZone === undefined && locale === undefined ? [] : [timeZone, locale]),
  ];
  const contents = files.map(({ source, ...file }) => ({ ...file, sha256: source?.sha256 }));
  return sha256(
    JSON.stringify([
      recipe,
      hostArchitecture(),
      base.identity,
      bases.map(({ digest }) => digest),
      base.bases,
      packages?.inputDigest,
      image.users,
      image.env,
      image.labels,
      image.user ?? unprivileged,
      image.command,
      contents,
      checked,
    ]),
  );
}

/** The image that these inputs made before, if all of it still exists. */
export async function knownImage(place: LayerPlace, key: string): Promise<string | undefined> {
  const digest = await readTextIfExists(join(place.cache, "builds", key));
  if (!digest) return undefined;
  try {
    return isComplete(place, digest) ? digest : undefined;
  } catch (error) {
    if (error instanceof KilnError) return undefined;
    throw error;
  }
}

/** From now on these inputs are known to make this image. */
export async function rememberImage({ cache }: LayerPlace, key: string, digest: string): Promise<void> {
  mkdirSync(join(cache, "builds"), { recursive: true, mode: 0o700 });
  await writeFileAtomic(join(cache, "builds", key), digest, { durable: false });
}

function isComplete({ store, nowMs }: LayerPlace, digest: string): boolean {
  const manifest = readManifest(store, digest);
  return [manifest.config, ...manifest.layers].every((part) =>
    hasBlob(store, part.digest, part.size, { nowMs }),
  );
}
