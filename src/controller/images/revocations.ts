import type { ImageDigest } from "../../domain/ids.ts";
import { type Revocation, revocationIn } from "../../domain/policy/revocation.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Store } from "../../store/store.ts";
import type { Images } from "./images.ts";

/** What looking for revocations needs. */
export interface RevocationParts {
  readonly store: Pick<Store, "revocations">;
  readonly images: Pick<Images, "bases">;
  readonly clock: Pick<Clock, "now">;
}

/** The revocation that holds now, or by `untilMs`, for an image, or for one that it was built on. Nothing is read while nothing is revoked. */
export function revocationOf(
  { store, images, clock }: RevocationParts,
  image: ImageDigest,
  untilMs = clock.now(),
): Revocation | undefined {
  const all = store.revocations();
  if (all.length === 0) return undefined;
  return revocationIn(all, [image, ...(images.bases?.(image) ?? [])], untilMs);
}

/**
 * Throws `image_revoked`: no server is to be started from it. It does not wait, so that it can be asked in the transaction that records
 * a change.
 */
export function requireNotRevoked(parts: RevocationParts, image: ImageDigest): void {
  const found = revocationOf(parts, image);
  if (found !== undefined) throw revoked(image, found);
}

function revoked(image: ImageDigest, found: Revocation): KilnError {
  return new KilnError("image_revoked", revokedWords(image, found), {
    hint: `${remedy(image, found)} \`kiln image unrevoke ${found.digest.slice(0, 19)} --reason TEXT\` allows servers of this one again.`,
    permanent: true,
  });
}

function remedy(image: ImageDigest, { digest }: Revocation): string {
  if (digest === image) return "Deploy another image.";
  return "Build it on another base: `kiln build --update` takes what tags and channels name now.";
}

/** One sentence. */
function revokedWords(image: ImageDigest, { digest, by, reason }: Revocation): string {
  const short = image.slice(0, 19);
  if (digest === image) return `The image ${short} was revoked by ${by}: ${reason}.`;
  return `The image ${short} is built on ${digest.slice(0, 19)}, which was revoked by ${by}: ${reason}.`;
}

/** For a service whose servers run from it. */
export function revokedWarning(image: ImageDigest, revocation: Revocation, nowMs: number) {
  const { atMs } = revocation;
  const from = atMs > nowMs ? `From ${new Date(atMs).toISOString().slice(0, 16)}Z on, no` : "No";
  return {
    message: `${revokedWords(image, revocation)} ${from} server is started from it, not even in place of one that fails.`,
    hint: remedy(image, revocation),
  };
}
