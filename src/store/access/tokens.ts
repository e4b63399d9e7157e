import { type Grant, grantText } from "../../domain/access/access.ts";
import { type Asker, askerData, askerName, type PipelineRun, why } from "../../domain/access/actor.ts";
import type { AccessToken, Invite } from "../../domain/access/identity.ts";
import { heldGrants, pipelineRun } from "../../domain/schema/access.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";
import type { Workbench } from "../workbench.ts";

const readGrants = jsonColumn("access_tokens.grants", heldGrants);
const readRun = jsonColumn("access_tokens.run", pipelineRun);

/** How long a dead token is still listed. */
const rememberedMs = { user: 30 * 86_400_000, ci: 86_400_000 } as const;

/** With the digest of its secret, which leaves the store for comparison alone. */
export interface KeptToken extends AccessToken {
  readonly digest: string;
  /** The id of the token that took its place. */
  readonly replacedBy: string | undefined;
}

export interface KeptInvite extends Invite {
  readonly digest: string;
}

/** What is kept of a token that was just made. */
export interface NewToken {
  readonly id: string;
  readonly digest: string;
  readonly kind: AccessToken["kind"];
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly run?: PipelineRun | undefined;
  readonly expiresAtMs: number;
}

export interface NewInvite extends Omit<Invite, "createdAtMs" | "createdBy"> {
  readonly digest: string;
}

interface TokenRow {
  readonly id: string;
  readonly kind: AccessToken["kind"];
  readonly name: string;
  readonly digest: string;
  readonly grants: string;
  readonly run: string | null;
  readonly created_at_ms: number;
  readonly created_by: string;
  readonly expires_at_ms: number;
  readonly used_at_ms: number | null;
  readonly used_from: string | null;
  readonly revoked_at_ms: number | null;
  readonly revoked_by: string | null;
  readonly revoked_reason: string | null;
  readonly replaced_by: string | null;
}

interface InviteRow {
  readonly id: string;
  readonly name: string;
  readonly digest: string;
  readonly grants: string;
  readonly token_ms: number;
  readonly created_at_ms: number;
  readonly created_by: string;
  readonly expires_at_ms: number;
}

export function selectToken(db: Database, id: string): KeptToken | undefined {
  const row = db.get<TokenRow>("SELECT * FROM access_tokens WHERE id = ?", id);
  return row && toToken(row);
}

/** By name, the oldest first; dead ones too, for a while. */
export function selectTokens(db: Database): readonly KeptToken[] {
  return db.all<TokenRow>("SELECT * FROM access_tokens ORDER BY name, created_at_ms, id").map(toToken);
}

export function selectInvite(db: Database, id: string): KeptInvite | undefined {
  const row = db.get<InviteRow>("SELECT * FROM access_invites WHERE id = ?", id);
  return row && toInvite(row);
}

/** Those that are still open. */
export function selectInvites(db: Database, nowMs: number): readonly KeptInvite[] {
  return db
    .all<InviteRow>("SELECT * FROM access_invites WHERE expires_at_ms > ? ORDER BY name, id", nowMs)
    .map(toInvite);
}

export function insertInvite({ db, log, clock }: Workbench, invite: NewInvite, by: Asker): void {
  const { id, name, digest, grants, tokenMs, expiresAtMs } = invite;
  db.run("DELETE FROM access_invites WHERE expires_at_ms <= ?", clock.now());
  db.run(
    "INSERT INTO access_invites (id, name, digest, grants, token_ms, created_at_ms, created_by, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    ...[id, name, digest, canonicalJson(grants), tokenMs, clock.now(), askerName(by), expiresAtMs],
  );
  log.append({
    service: undefined,
    kind: "access.invited",
    message: `${askerName(by)} invited ${name} as ${grants.map(grantText).join(" and ")}${why(by)}`,
    data: { name, invite: id, grants, expiresAtMs, ...askerData(by) },
  });
}

/** The invite is gone afterwards. */
export function acceptInvite(bench: Workbench, invite: Invite, token: NewToken, address: string): void {
  bench.db.run("DELETE FROM access_invites WHERE id = ?", invite.id);
  insertToken(bench, token, invite.createdBy);
  bench.log.append({
    service: undefined,
    kind: "access.joined",
    message: `${invite.name} accepted the invite by ${invite.createdBy}, from ${address}.`,
    data: { name: invite.name, invite: invite.id, token: token.id, address, expiresAtMs: token.expiresAtMs },
  });
}

/** Without an event: what led to it has one. */
export function insertToken({ db, clock }: Workbench, token: NewToken, createdBy: string): void {
  const { id, kind, name, digest, grants, run, expiresAtMs } = token;
  const now = clock.now();
  for (const [dead, ms] of Object.entries(rememberedMs)) {
    db.run("DELETE FROM access_tokens WHERE kind = ? AND expires_at_ms < ?", dead, now - ms);
  }
  db.run(
    "INSERT INTO access_tokens (id, kind, name, digest, grants, run, created_at_ms, created_by, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ...[id, kind, name, digest, canonicalJson(grants), run === undefined ? null : canonicalJson(run)],
    ...[now, createdBy, expiresAtMs],
  );
}

/** The old token ends at `oldUntilMs`, unless it ends before. */
export function rotateToken(
  bench: Workbench,
  old: AccessToken,
  token: NewToken,
  oldUntilMs: number,
  by: Asker,
): void {
  insertToken(bench, token, askerName(by));
  const until = Math.min(old.expiresAtMs, oldUntilMs);
  bench.db.run(
    "UPDATE access_tokens SET expires_at_ms = ?, replaced_by = ? WHERE id = ?",
    ...[until, token.id, old.id],
  );
  bench.log.append({
    service: undefined,
    kind: "access.rotated",
    message: `${askerName(by)} has a new token, ${token.id}; the old one, ${old.id}, ends soon.`,
    data: { name: old.name, token: token.id, old: old.id, oldUntilMs: until, ...askerData(by) },
  });
}

/**
 * Revokes the token of this id, or all tokens and invites of this name. Returns the ids. Throws `access_unknown` when there is none
 * that lives.
 */
export function revokeAccess(bench: Workbench, who: string, reason: string, by: Asker): readonly string[] {
  const { db, log, clock } = bench;
  const now = clock.now();
  const concerned = (one: { readonly id: string; readonly name: string }) =>
    one.id === who || ownersOf(one).includes(who);
  const tokens = endTokens(bench, selectTokens(db).filter(concerned), reason, by);
  const invites = selectInvites(db, now).filter(concerned);
  const ids = [...tokens, ...invites.map(({ id }) => id)];
  if (ids.length === 0) throw unknownAccess(who);
  for (const { id } of invites) db.run("DELETE FROM access_invites WHERE id = ?", id);
  log.append({
    service: undefined,
    kind: "access.revoked",
    message: `${askerName(by)} revoked the access of ${who}: ${reason}`,
    data: {
      who,
      tokens,
      invites: invites.map(({ id }) => id),
      ...askerData({ ...by, reason }),
    },
  });
  return ids;
}

/** A token of a pipeline has the names of all trust rules that it is from. */
export function ownersOf({ name }: { readonly name: string }): readonly string[] {
  return name.split("+");
}

/** Ends the tokens that live, and returns their ids. Without an event: what led to it has one. */
export function endTokens(
  { db, clock }: Workbench,
  tokens: readonly AccessToken[],
  reason: string,
  by: Asker,
): readonly string[] {
  const now = clock.now();
  const ids = tokens
    .filter(({ revoked, expiresAtMs }) => revoked === undefined && expiresAtMs > now)
    .map(({ id }) => id);
  for (const id of ids) {
    db.run(
      "UPDATE access_tokens SET revoked_at_ms = ?, revoked_by = ?, revoked_reason = ? WHERE id = ?",
      ...[now, askerName(by), reason, id],
    );
  }
  return ids;
}

function unknownAccess(who: string): KilnError {
  return new KilnError("access_unknown", `No live token and no open invite has the name or id ${who}.`, {
    hint: "`kiln access ls` lists them.",
  });
}

export function touchToken(db: Database, id: string, atMs: number, address: string): void {
  db.run("UPDATE access_tokens SET used_at_ms = ?, used_from = ? WHERE id = ?", atMs, address, id);
}

function toToken(row: TokenRow): KeptToken {
  const { used_at_ms, revoked_at_ms } = row;
  return {
    ...{ id: row.id, kind: row.kind, name: row.name, digest: row.digest },
    replacedBy: row.replaced_by ?? undefined,
    grants: readGrants(row.grants),
    run: row.run === null ? undefined : readRun(row.run),
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
    expiresAtMs: row.expires_at_ms,
    lastUse: used_at_ms === null ? undefined : { atMs: used_at_ms, address: row.used_from ?? "" },
    revoked:
      revoked_at_ms === null
        ? undefined
        : { atMs: revoked_at_ms, by: row.revoked_by ?? "", reason: row.revoked_reason ?? "" },
  };
}

function toInvite(row: InviteRow): KeptInvite {
  return {
    ...{ id: row.id, name: row.name, digest: row.digest, grants: readGrants(row.grants) },
    ...{ tokenMs: row.token_ms, createdAtMs: row.created_at_ms, createdBy: row.created_by },
    expiresAtMs: row.expires_at_ms,
  };
}
