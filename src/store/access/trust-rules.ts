import { z } from "zod";
import { grantText } from "../../domain/access/access.ts";
import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { TrustRule } from "../../domain/access/trust-rule.ts";
import { grants as grantsSchema, issuer as issuerSchema } from "../../domain/schema/access.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";
import type { Workbench } from "../workbench.ts";
import { endTokens, insertToken, type NewToken, ownersOf, selectTokens } from "./tokens.ts";

const readIssuer = jsonColumn("access_rules.issuer", issuerSchema);
const readGrants = jsonColumn("access_rules.grants", grantsSchema);
const readClaims = jsonColumn("access_rules.claims", z.record(z.string(), z.array(z.string())));

interface RuleRow {
  readonly name: string;
  readonly issuer: string;
  readonly claims: string;
  readonly grants: string;
  readonly added_at_ms: number;
  readonly added_by: string;
}

export type NewTrustRule = Omit<TrustRule, "addedAtMs" | "addedBy">;

/** A token of an issuer that was used: it is good once. */
export interface UsedIdToken {
  readonly issuer: string;
  readonly jti: string;
  /** From then on it is refused because it has expired. */
  readonly untilMs: number;
  /** The id of the token that it was exchanged for before, which the one who asks has shown. */
  readonly renews: string | undefined;
}

/** By name. */
export function selectTrustRules(db: Database): readonly TrustRule[] {
  return db.all<RuleRow>("SELECT * FROM access_rules ORDER BY name").map((row) => ({
    ...{ name: row.name, addedAtMs: row.added_at_ms, addedBy: row.added_by },
    ...{ issuer: readIssuer(row.issuer), claims: readClaims(row.claims), grants: readGrants(row.grants) },
  }));
}

/** In place of one of the same name, whose tokens end. Returns their ids. */
export function setTrustRule(bench: Workbench, rule: NewTrustRule, by: Asker): readonly string[] {
  const { db, log, clock } = bench;
  const { name, issuer, claims, grants } = rule;
  const ended = endTokensOf(bench, name, by);
  db.run(
    "INSERT OR REPLACE INTO access_rules (name, issuer, claims, grants, added_at_ms, added_by) VALUES (?, ?, ?, ?, ?, ?)",
    ...[
      name,
      canonicalJson(issuer),
      canonicalJson(claims),
      canonicalJson(grants),
      clock.now(),
      askerName(by),
    ],
  );
  log.append({
    service: undefined,
    kind: "access.trusted",
    message: `${askerName(by)} gives pipelines of ${issuer.url} access as ${name}, ${grants.map(grantText).join(" and ")}${why(by)}`,
    data: { name, issuer, claims, grants, ...askerData(by) },
  });
  return ended;
}

/** Its tokens end; returns their ids. Throws `access_unknown`. */
export function removeTrustRule(bench: Workbench, name: string, by: Asker): readonly string[] {
  const { db, log } = bench;
  if (db.run("DELETE FROM access_rules WHERE name = ?", name).changes === 0) {
    throw new KilnError("access_unknown", `There is no trust rule ${name}.`, {
      hint: "`kiln access ls` lists them.",
    });
  }
  const tokens = endTokensOf(bench, name, by);
  log.append({
    service: undefined,
    kind: "access.distrusted",
    message: `${askerName(by)} gives pipelines no access as ${name} any more${why(by)}`,
    data: { name, tokens, ...askerData(by) },
  });
  return tokens;
}

function endTokensOf(bench: Workbench, rule: string, by: Asker): readonly string[] {
  const tokens = selectTokens(bench.db).filter(
    (token) => token.kind === "ci" && ownersOf(token).includes(rule),
  );
  return endTokens(bench, tokens, "the trust rule was changed", by);
}

/** False when the issuer's token was used before, and not for the token that it renews: then nothing is changed. */
export function exchangeIdToken(
  bench: Workbench,
  token: NewToken,
  used: UsedIdToken,
  address: string,
): boolean {
  const { db, log, clock } = bench;
  db.run("DELETE FROM access_used WHERE until_ms < ?", clock.now());
  const { changes } = db.run(
    "INSERT INTO access_used (issuer, jti, until_ms, token) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET token = excluded.token WHERE token = ?",
    ...[used.issuer, used.jti, used.untilMs, token.id, used.renews ?? ""],
  );
  if (changes === 0) return false;
  const { name, run, id, grants, expiresAtMs } = token;
  insertToken(bench, token, `trust rule ${name}`);
  const whose = run?.repository === undefined ? "" : ` of ${run.repository}`;
  const who = run?.personName === undefined ? "" : `, started by ${run.personName},`;
  log.append({
    service: undefined,
    kind: "access.exchanged",
    message: `A pipeline${whose}${who} got a token as ${name}, from ${address}.`,
    data: { name, token: id, run, grants, address, expiresAtMs },
  });
  return true;
}
