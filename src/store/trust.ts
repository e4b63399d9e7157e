import { type Asker, askerData, askerName, why } from "../domain/access/actor.ts";
import type { ImagePolicy, TrustedKey } from "../domain/policy/admission.ts";
import { signedBy } from "../domain/schema/admission.ts";
import type { TargetName } from "../domain/target.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import { KilnError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Database } from "./sqlite/database.ts";
import { jsonColumn } from "./sqlite/json-column.ts";
import { requireTarget } from "./targets.ts";
import type { Workbench } from "./workbench.ts";

/** Keys whose signatures count, and the policies that ask for them. */
export interface TrustStore {
  /** By name, revoked ones too. */
  trustedKeys(): readonly TrustedKey[];
  /** Throws `trusted_key_taken` for a name or a key that is there, also a revoked one. */
  addTrustedKey(key: Pick<TrustedKey, "name" | "keyId" | "publicKey">, by: Asker): TrustedKey;
  /** Repeating it is fine. Throws `trusted_key_unknown`. */
  revokeTrustedKey(name: string, reason: string, by: Asker): void;
  /** The one for every target first, the others by target. */
  imagePolicies(): readonly ImagePolicy[];
  /** In place of the one for the same target. Throws `trusted_key_unknown` and `target_unknown`. */
  setImagePolicy(policy: ImagePolicy, by: Asker): void;
  /** False when there was none. */
  removeImagePolicy(target: TargetName | undefined, by: Asker): boolean;
}

export function trustStore(bench: Workbench): TrustStore {
  const { db } = bench;
  return {
    trustedKeys: () => selectTrustedKeys(db),
    addTrustedKey: (key, by) => db.transaction(() => insertTrustedKey(bench, key, by)),
    revokeTrustedKey: (name, reason, by) => db.transaction(() => revokeTrustedKey(bench, name, reason, by)),
    imagePolicies: () => selectImagePolicies(db),
    setImagePolicy: (policy, by) => db.transaction(() => setImagePolicy(bench, policy, by)),
    removeImagePolicy: (target, by) => db.transaction(() => deleteImagePolicy(bench, target, by)),
  };
}

const readSignedBy = jsonColumn("image_policies.signed_by", signedBy);

/** In the column `target`: every target. */
const everywhere = "*";

interface KeyRow {
  readonly name: string;
  readonly key_id: string;
  readonly public_key: string;
  readonly added_at_ms: number;
  readonly added_by: string;
  readonly revoked_at_ms: number | null;
  readonly revoked_by: string | null;
  readonly revoked_reason: string | null;
}

interface PolicyRow {
  readonly target: string;
  readonly mode: ImagePolicy["mode"];
  readonly signed_by: string;
}

/** By name, revoked ones too. */
function selectTrustedKeys(db: Database): readonly TrustedKey[] {
  return db.all<KeyRow>("SELECT * FROM trusted_keys ORDER BY name").map(toKey);
}

/** The one for every target first, the others by target. */
function selectImagePolicies(db: Database): readonly ImagePolicy[] {
  return db
    .all<PolicyRow>("SELECT target, mode, signed_by FROM image_policies ORDER BY target")
    .map(toPolicy);
}

/** Throws `trusted_key_taken` for a name or a key that is there, also a revoked one. */
function insertTrustedKey(
  { db, log, clock }: Workbench,
  { name, keyId, publicKey }: Pick<TrustedKey, "name" | "keyId" | "publicKey">,
  by: Asker,
): TrustedKey {
  const taken = selectTrustedKeys(db).find((key) => key.name === name || key.keyId === keyId);
  if (taken !== undefined) throw keyTaken(taken);
  const added = { atMs: clock.now(), by: askerName(by) };
  db.run(
    "INSERT INTO trusted_keys (name, key_id, public_key, added_at_ms, added_by) VALUES (?, ?, ?, ?, ?)",
    ...[name, keyId, publicKey, added.atMs, added.by],
  );
  log.append({
    service: undefined,
    kind: "trust.added",
    message: `${askerName(by)} trusts signatures by ${name} (${keyId})${why(by)}`,
    data: { name, keyId, publicKey, ...askerData(by) },
  });
  return { name, keyId, publicKey, addedAtMs: added.atMs, addedBy: added.by, revoked: undefined };
}

function keyTaken({ name, keyId, revoked }: TrustedKey): KilnError {
  const state = revoked === undefined ? "trusted" : "revoked";
  return new KilnError(
    "trusted_key_taken",
    `There is already the key ${name} (${keyId}), which is ${state}.`,
    {
      hint: "A name always means the same key, and a revoked key stays revoked. Add another key under another name.",
    },
  );
}

/** Throws `trusted_key_unknown`. A key that is revoked already stays as it is. */
function revokeTrustedKey({ db, log, clock }: Workbench, name: string, reason: string, by: Asker): void {
  const { keyId, revoked } = requireKey(db, name);
  if (revoked !== undefined) return;
  db.run(
    "UPDATE trusted_keys SET revoked_at_ms = ?, revoked_by = ?, revoked_reason = ? WHERE name = ?",
    ...[clock.now(), askerName(by), reason, name],
  );
  log.append({
    service: undefined,
    kind: "trust.revoked",
    message: `${askerName(by)} revoked the key ${name} (${keyId}): ${reason}`,
    data: { name, keyId, ...askerData({ ...by, reason }) },
  });
}

function requireKey(db: Database, name: string): TrustedKey {
  const all = selectTrustedKeys(db);
  const found = all.find((key) => key.name === name);
  if (found !== undefined) return found;
  const meant = nearest(
    name,
    all.map((key) => key.name),
  );
  throw new KilnError("trusted_key_unknown", `There is no trusted key ${name}.`, {
    hint:
      meant === undefined
        ? "`kiln trust add NAME FILE` adds one; `kiln trust ls` lists them."
        : `Did you mean ${meant}? \`kiln trust ls\` lists the keys.`,
  });
}

/** In place of the one for the same target. Throws `trusted_key_unknown` and `target_unknown`. */
function setImagePolicy({ db, log, clock }: Workbench, policy: ImagePolicy, by: Asker): void {
  const { target, mode, signedBy: names } = policy;
  if (target !== undefined) requireTarget(db, target);
  for (const name of names) requireKey(db, name);
  db.run(
    `INSERT INTO image_policies (target, mode, signed_by, set_at_ms, set_by) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (target) DO UPDATE SET mode = excluded.mode, signed_by = excluded.signed_by,
       set_at_ms = excluded.set_at_ms, set_by = excluded.set_by`,
    ...[target ?? everywhere, mode, canonicalJson(names), clock.now(), askerName(by)],
  );
  const otherwise = mode === "enforce" ? "others are refused" : "others are deployed with a warning";
  log.append({
    service: undefined,
    kind: "trust.required",
    message: `${askerName(by)} wants images${placeOf(target)} signed by ${names.join(" or ")}; ${otherwise}${why(by)}`,
    data: { target, mode, signedBy: names, ...askerData(by) },
  });
}

/** False when there was none. */
function deleteImagePolicy({ db, log }: Workbench, target: TargetName | undefined, by: Asker): boolean {
  const { changes } = db.run("DELETE FROM image_policies WHERE target = ?", target ?? everywhere);
  if (changes === 0) return false;
  log.append({
    service: undefined,
    kind: "trust.lifted",
    message: `${askerName(by)} no longer wants images${placeOf(target)} to be signed${why(by)}`,
    data: { target, ...askerData(by) },
  });
  return true;
}

const placeOf = (target: TargetName | undefined) => (target === undefined ? "" : ` on ${target}`);

function toKey(row: KeyRow): TrustedKey {
  const { revoked_at_ms: atMs } = row;
  return {
    name: row.name,
    keyId: row.key_id,
    publicKey: row.public_key,
    addedAtMs: row.added_at_ms,
    addedBy: row.added_by,
    revoked: atMs === null ? undefined : { atMs, by: row.revoked_by ?? "", reason: row.revoked_reason ?? "" },
  };
}

function toPolicy({ target, mode, signed_by }: PolicyRow): ImagePolicy {
  return { target: target === everywhere ? undefined : target, mode, signedBy: readSignedBy(signed_by) };
}
