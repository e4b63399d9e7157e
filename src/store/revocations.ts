import { type Asker, askerData, askerName, why } from "../domain/access/actor.ts";
import type { ImageDigest } from "../domain/ids.ts";
import type { Revocation } from "../domain/policy/revocation.ts";
import { KilnError } from "../lib/errors.ts";
import type { Database } from "./sqlite/database.ts";
import type { Workbench } from "./workbench.ts";

/** Revoked images. */
export interface RevocationStore {
  /** By digest; also those that are yet to come. */
  revocations(): readonly Revocation[];
  /**
   * From now on, unless a moment is stated. In place of an earlier one of the same image. Throws `usage` when that one holds already
   * and the moment is yet to come.
   */
  revokeImage(
    asked: { readonly digest: ImageDigest; readonly atMs?: number | undefined; readonly reason: string },
    by: Asker,
  ): Revocation;
  /** False when it is not revoked. */
  unrevokeImage(digest: ImageDigest, by: Asker): boolean;
}

export function revocationStore(bench: Workbench): RevocationStore {
  const { db } = bench;
  return {
    revocations: () => selectRevocations(db),
    revokeImage: (asked, by) => db.transaction(() => insertRevocation(bench, asked, by)),
    unrevokeImage: (digest, by) => db.transaction(() => deleteRevocation(bench, digest, by)),
  };
}

interface RevocationRow {
  readonly digest: string;
  readonly at_ms: number;
  readonly reason: string;
  readonly revoked_by: string;
}

/** By digest. */
function selectRevocations(db: Database): readonly Revocation[] {
  return db.all<RevocationRow>("SELECT * FROM revoked_images ORDER BY digest").map((row) => ({
    ...{ digest: row.digest, atMs: row.at_ms, reason: row.reason, by: row.revoked_by },
  }));
}

/** In place of an earlier one of the same image. Throws `usage` when that one holds already and this one would lift it for a while. */
function insertRevocation(
  { db, log, clock }: Workbench,
  {
    digest,
    atMs = clock.now(),
    reason,
  }: { readonly digest: ImageDigest; readonly atMs?: number | undefined; readonly reason: string },
  by: Asker,
): Revocation {
  const holding = selectRevocations(db).find((one) => one.digest === digest && one.atMs <= clock.now());
  if (holding !== undefined && atMs > clock.now()) throw heldAlready(holding, atMs);
  const one: Revocation = { digest, atMs, reason, by: askerName(by) };
  db.run(
    "INSERT OR REPLACE INTO revoked_images (digest, at_ms, reason, revoked_by) VALUES (?, ?, ?, ?)",
    ...[digest, atMs, reason, one.by],
  );
  const from = atMs > clock.now() ? ` from ${new Date(atMs).toISOString()} on` : "";
  log.append({
    service: undefined,
    kind: "image.revoked",
    message: `${one.by} revoked the image ${digest}${from}: ${reason}`,
    data: { image: digest, atMs, ...askerData({ ...by, reason }) },
  });
  return one;
}

function heldAlready({ digest, atMs }: Revocation, laterMs: number): KilnError {
  const short = digest.slice(0, 19);
  const [since, later] = [atMs, laterMs].map((ms) => new Date(ms).toISOString());
  return new KilnError(
    "usage",
    `The image ${short} is revoked since ${since}; a revocation from ${later} on would lift that until then.`,
    { hint: `If that is meant, lift it first: kiln image unrevoke ${short} --reason TEXT` },
  );
}

/** False when it is not revoked. */
function deleteRevocation({ db, log }: Workbench, digest: ImageDigest, by: Asker): boolean {
  if (db.run("DELETE FROM revoked_images WHERE digest = ?", digest).changes === 0) return false;
  log.append({
    service: undefined,
    kind: "image.unrevoked",
    message: `${askerName(by)} allows servers of the image ${digest} again${why(by)}`,
    data: { image: digest, ...askerData(by) },
  });
  return true;
}
