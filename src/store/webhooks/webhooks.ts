import { randomBytes } from "node:crypto";
import { z } from "zod";
import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import { type Webhook, webhookFormats } from "../../domain/webhook.ts";
import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import { selectLast } from "../events/events.ts";
import { overlappingSecrets, secretsAt, withNewest } from "../secrets/overlap.ts";
import { seal, unseal } from "../secrets/sealing.ts";
import { ensureKey, readKey } from "../secrets/secret-key.ts";
import { jsonColumn } from "../sqlite/json-column.ts";
import type { Workbench } from "../workbench.ts";

/** Where to send, and what to sign with; at rest it is sealed like a secret. */
export interface WebhookAccess {
  readonly url: string;
  /** `whsec_` and base64 of 24 bytes (Standard Webhooks, "Secret"), the newest first. */
  readonly secrets: readonly string[];
  /** Of each request, besides its own. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface NewWebhook extends Pick<Webhook, "name" | "format" | "kinds" | "services"> {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Webhooks, and which events each has received. Whatever opens or seals an address throws `secret_key_invalid` when the key file of secrets
 * is not as it must be.
 */
export interface WebhookStore {
  /** By name. */
  all(): readonly Webhook[];
  /** Throws `webhook_unknown`. */
  one(name: string): Webhook;
  /** It receives events from now on. Returns the secret that signs. Throws `webhook_taken`. */
  add(webhook: NewWebhook, by: Asker): string;
  /** Throws `webhook_unknown`. */
  remove(name: string, by: Asker): void;
  /** A new secret signs; for a day the one before does too. Throws `webhook_unknown`. */
  rotate(name: string, by: Asker): string;
  /** Events from this place on are delivered, again or as the next ones. Throws `webhook_unknown`, and `usage` for a place outside of the log. */
  replay(name: string, from: number, by: Asker): void;
  /** Throws `webhook_unknown`, `secret_corrupt`. */
  open(name: string): WebhookAccess;
  /** All events up to there are dealt with; `deliveredAtMs`: one of them was delivered then. */
  advance(name: string, cursor: number, deliveredAtMs: number | undefined): void;
  failed(name: string, failing: Webhook["failing"]): void;
}

interface Row {
  readonly name: string;
  readonly origin: string;
  readonly format: string;
  readonly kinds: string;
  readonly services: string;
  readonly created_at_ms: number;
  readonly created_by: string;
  readonly cursor: number;
  readonly delivered_at_ms: number | null;
  readonly failing: string | null;
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

const patterns = z.array(z.string());
const readKinds = jsonColumn("webhooks.kinds", patterns);
const readServices = jsonColumn("webhooks.services", patterns);
const readFormat = z.enum(webhookFormats);
const readFailing = jsonColumn(
  "webhooks.failing",
  z.object({ sinceMs: z.number(), attempts: z.number(), reason: z.string() }),
);
const sealedAccess = z.object({
  url: z.string(),
  headers: z.record(z.string(), z.string()).optional(),
  secrets: overlappingSecrets,
});
type SealedAccess = z.infer<typeof sealedAccess>;

export function openWebhooks(bench: Workbench, keyPath: string): WebhookStore {
  const { db, clock } = bench;
  return {
    all: () => db.all<Row>("SELECT * FROM webhooks ORDER BY name").map(toWebhook),
    one: (name) => toWebhook(requireRow(bench, name)),
    add: (webhook, by) => db.transaction(() => insert(bench, keyPath, webhook, by)),
    remove: (name, by) => db.transaction(() => remove(bench, name, by)),
    rotate: (name, by) => db.transaction(() => rotate(bench, keyPath, name, by)),
    replay: (name, from, by) => db.transaction(() => replay(bench, name, from, by)),
    open: (name) => {
      const { url, secrets, headers = {} } = openAccess(bench, keyPath, name);
      return { url, headers, secrets: secretsAt(secrets, clock.now()) };
    },
    advance: (name, cursor, deliveredAtMs) =>
      db.transaction(() => {
        db.run(
          "UPDATE webhooks SET cursor = ?, delivered_at_ms = coalesce(?, delivered_at_ms), failing = NULL WHERE name = ?",
          ...[cursor, deliveredAtMs ?? null, name],
        );
      }),
    failed: (name, failing) =>
      db.transaction(() => {
        const text = failing === undefined ? null : JSON.stringify(failing);
        db.run("UPDATE webhooks SET failing = ? WHERE name = ?", text, name);
      }),
  };
}

function toWebhook(row: Row): Webhook {
  return {
    ...{ name: row.name, origin: row.origin, format: readFormat.parse(row.format) },
    ...{ kinds: readKinds(row.kinds), services: readServices(row.services) },
    ...{ createdAtMs: row.created_at_ms, createdBy: row.created_by, cursor: row.cursor },
    deliveredAtMs: row.delivered_at_ms ?? undefined,
    failing: row.failing === null ? undefined : readFailing(row.failing),
  };
}

function insert(bench: Workbench, keyPath: string, webhook: NewWebhook, by: Asker): string {
  const { db, log, clock } = bench;
  const { name, url, headers, format, kinds, services } = webhook;
  if (find(bench, name) !== undefined) throw taken(name);
  ensureKey(keyPath);
  const secret = newSecret();
  const { origin } = new URL(url);
  const sealed = sealAccess(keyPath, name, { url, headers, secrets: [{ secret }] });
  const { sequence } = log.append({
    service: undefined,
    kind: "webhook.added",
    message: `${askerName(by)} added the webhook ${name} to ${origin}${why(by)}`,
    data: { webhook: name, origin, format, kinds, services, ...askerData(by) },
  });
  db.run(
    "INSERT INTO webhooks (name, origin, format, kinds, services, created_at_ms, created_by, cursor, nonce, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ...[name, origin, format, JSON.stringify(kinds), JSON.stringify(services)],
    ...[clock.now(), askerName(by), sequence, sealed.nonce, sealed.sealed],
  );
  return secret;
}

function remove(bench: Workbench, name: string, by: Asker): void {
  const { db, log } = bench;
  const { origin } = requireRow(bench, name);
  db.run("DELETE FROM webhooks WHERE name = ?", name);
  log.append({
    service: undefined,
    kind: "webhook.removed",
    message: `${askerName(by)} removed the webhook ${name} to ${origin}${why(by)}`,
    data: { webhook: name, ...askerData(by) },
  });
}

function rotate(bench: Workbench, keyPath: string, name: string, by: Asker): string {
  const { db, log, clock } = bench;
  const access = openAccess(bench, keyPath, name);
  const secret = newSecret();
  const secrets = withNewest(access.secrets, secret, clock.now());
  const { nonce, sealed } = sealAccess(keyPath, name, { ...access, secrets });
  db.run("UPDATE webhooks SET nonce = ?, sealed = ? WHERE name = ?", nonce, sealed, name);
  log.append({
    service: undefined,
    kind: "webhook.rotated",
    message: `${askerName(by)} gave the webhook ${name} a new secret${why(by)}`,
    data: { webhook: name, ...askerData(by) },
  });
  return secret;
}

function replay(bench: Workbench, name: string, from: number, by: Asker): void {
  const { db, log } = bench;
  requireRow(bench, name);
  const last = selectLast(db).sequence;
  if (from < 1 || from > last + 1) {
    throw new KilnError("usage", `The event log has no entry ${from}.`, {
      hint: `Expected 1 to ${last + 1}; \`kiln audit\` lists the entries.`,
    });
  }
  db.run("UPDATE webhooks SET cursor = ?, failing = NULL WHERE name = ?", from - 1, name);
  log.append({
    service: undefined,
    kind: "webhook.replayed",
    message: `${askerName(by)} set the webhook ${name} to entry ${from} of the log${why(by)}`,
    data: { webhook: name, from, ...askerData(by) },
  });
}

function find({ db }: Workbench, name: string): Row | undefined {
  return db.get<Row>("SELECT * FROM webhooks WHERE name = ?", name);
}

function requireRow(bench: Workbench, name: string): Row {
  const row = find(bench, name);
  if (row !== undefined) return row;
  const names = bench.db.all<{ readonly name: string }>("SELECT name FROM webhooks").map((one) => one.name);
  const near = nearest(name, names);
  throw new KilnError("webhook_unknown", `There is no webhook ${name}.`, {
    hint: near === undefined ? "`kiln webhook ls` lists them." : `Did you mean ${near}?`,
  });
}

function openAccess(bench: Workbench, keyPath: string, name: string): SealedAccess {
  const bytes = unseal(readKey(keyPath), sealedAs(name), requireRow(bench, name));
  if (bytes !== undefined) return sealedAccess.parse(JSON.parse(bytes.toString()));
  throw new KilnError("secret_corrupt", `The address of the webhook ${name} cannot be decrypted.`, {
    hint: "Another key was in use, or the database is damaged. Remove the webhook and add it again.",
  });
}

function sealAccess(keyPath: string, name: string, access: SealedAccess) {
  return seal(readKey(keyPath), sealedAs(name), Buffer.from(JSON.stringify(access)));
}

/** No service has this name, so that no secret of a service is ever opened as a webhook's. */
function sealedAs(name: string) {
  return { service: "", name: `webhook ${name}`, version: 1 };
}

function newSecret(): string {
  return `whsec_${randomBytes(24).toString("base64")}`;
}

function taken(name: string): KilnError {
  return new KilnError("webhook_taken", `There is a webhook ${name} already.`, {
    hint: `Give this one another name, or remove that one with \`kiln webhook rm ${name}\`.`,
  });
}
