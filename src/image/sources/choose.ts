import { KilnError } from "../../lib/errors.ts";
import { type ForeignDescriptor, foreignIndex } from "../store/oci-schema.ts";
import { annotations, hostArchitecture } from "../store/oci-types.ts";
import { type ForeignBlobs, parsed } from "./foreign-blobs.ts";

/** The image for this machine among these, and in indexes among these. Throws `image_unknown`, `image_invalid`. */
export async function chooseForThisMachine(
  blobs: ForeignBlobs,
  named: readonly ForeignDescriptor[],
): Promise<ForeignDescriptor> {
  const [only, ...others] = mostPortable(await allForThisMachine(blobs, named));
  if (only === undefined) throw notForThisMachine(blobs, await platformsIn(blobs, named));
  if (others.length > 0) throw ambiguous(blobs, [only, ...others]);
  return only;
}

/** An index says itself what it has. */
async function platformsIn(
  blobs: ForeignBlobs,
  named: readonly ForeignDescriptor[],
): Promise<readonly string[]> {
  const [only] = named;
  if (only === undefined || named.length > 1 || !isIndex(only)) return named.map(platformOf);
  return (await parsed(foreignIndex, blobs, only)).manifests.map(platformOf);
}

/** The manifests of the variant that most machines can run: none or `v1` of amd64, none or `v8` of arm64. */
function mostPortable(candidates: readonly ForeignDescriptor[]): readonly ForeignDescriptor[] {
  const lowest = candidates.reduce(
    (least, one) => Math.min(least, variantLevel(one)),
    Number.POSITIVE_INFINITY,
  );
  return candidates.filter((candidate) => variantLevel(candidate) === lowest);
}

/** image-index.md, "Platform Variants": amd64 has v1 (the same as none) to v4, arm64 has v8 (the same) and later ones. */
function variantLevel({ platform }: ForeignDescriptor): number {
  const level = Number.parseFloat(platform?.variant?.slice(1) ?? "");
  const first = platform?.architecture === "arm64" ? 8 : 1;
  return Number.isNaN(level) ? first : Math.max(first, level);
}

/** More than any real image has: each index may name ten thousand others. */
const mostIndexes = 32;

/** Indexes may name indexes (image-index.md), and each other: each is read once. By digest, those for this machine. */
export async function allForThisMachine(
  blobs: ForeignBlobs,
  named: readonly ForeignDescriptor[],
): Promise<readonly ForeignDescriptor[]> {
  const found = new Map<string, ForeignDescriptor>();
  const read = new Set<string>();
  const waiting = [...named];
  for (const candidate of waiting) {
    const { platform, digest } = candidate;
    if (platform && (platform.os !== "linux" || platform.architecture !== hostArchitecture())) continue;
    if (!isIndex(candidate)) {
      if (!found.has(digest)) found.set(digest, candidate);
    } else if (!read.has(digest)) {
      if (read.size === mostIndexes) {
        throw new KilnError("image_invalid", `${blobs.name} has more than ${mostIndexes} nested indexes.`);
      }
      read.add(digest);
      for (const more of (await parsed(foreignIndex, blobs, candidate)).manifests) waiting.push(more);
    }
  }
  return [...found.values()];
}

export function namesOf(candidates: readonly ForeignDescriptor[]): string {
  return candidates
    .slice(0, 10)
    .map(({ digest, annotations: notes }) => notes?.[annotations.refName] ?? digest)
    .join(", ");
}

function platformOf({ platform }: ForeignDescriptor): string {
  return platform ? `${platform.os}/${platform.architecture}` : "unknown";
}

function isIndex({ mediaType }: ForeignDescriptor): boolean {
  return /(image\.index|manifest\.list)\.v\d\+json$/.test(mediaType);
}

function ambiguous(blobs: ForeignBlobs, all: readonly ForeignDescriptor[]): KilnError {
  return new KilnError("image_unknown", `${blobs.name} has several images; expected a choice of one.`, {
    hint: `Write \`${blobs.choice}\` with one of: ${namesOf(all)}.`,
  });
}

export function notForThisMachine({ name }: ForeignBlobs, found: readonly string[]): KilnError {
  return new KilnError(
    "image_unknown",
    `${name} has no image for linux/${hostArchitecture()}, only for ${[...new Set(found)].slice(0, 10).join(", ")}.`,
    { hint: "Choose an image for this machine's architecture." },
  );
}
