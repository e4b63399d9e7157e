import type { z } from "zod";
import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { SourceWebhook } from "../../domain/source.ts";
import { KilnError } from "../../lib/errors.ts";
import { overlappingSecrets, secretsAt, withNewest } from "../secrets/overlap.ts";
import { seal, unseal } from "../secrets/sealing.ts";
import { ensureKey, readKey } from "../secrets/secret-key.ts";
import type { Workbench } from "../workbench.ts";
import { requireSource } from "./rows.ts";

/**
 * Webhooks by which forges report pushes. Whatever seals or opens a secret throws `secret_key_invalid` when the key file of secrets is not as it
 * must be.
 */
export interface SourceWebhookStore {
  of(service: ServiceKey): SourceWebhook | undefined;
  /** Undefined: there is none with this id. */
  find(id: string): SourceWebhook | undefined;
  /** What proves a message, the newest first. Throws `secret_corrupt`. */
  secrets(id: string): readonly string[];
  /** Throws `source_unknown`, `webhook_taken`. */
  add(service: ServiceKey, made: { readonly id: string; readonly secret: string }, by: Asker): void;
  /** For a day the secret before counts too. Throws `source_unknown`, `webhook_unknown`. */
  rotate(service: ServiceKey, secret: string, by: Asker): void;
  /** Throws `source_unknown`, `webhook_unknown`. */
  remove(service: ServiceKey, by: Asker): void;
  /** A message has proved to be the forge's. */
  used(id: string): void;
}

interface Row {
  readonly id: string;
  readonly service: string;
  readonly added_at_ms: number;
  readonly added_by: string;
  readonly used_at_ms: number | null;
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

export function openSourceWebhooks(bench: Workbench, keyPath: string): SourceWebhookStore {
  const { db, clock } = bench;
  return {
    of: (service) => toWebhook(rowOf(bench, service)),
    find: (id) => toWebhook(db.get<Row>("SELECT * FROM source_webhooks WHERE id = ?", id)),
    secrets: (id) => {
      const row = db.get<Row>("SELECT * FROM source_webhooks WHERE id = ?", id);
      return row === undefined ? [] : secretsAt(open(keyPath, row), clock.now());
    },
    add: (service, made, by) => db.transaction(() => insert(bench, keyPath, service, made, by)),
    rotate: (service, secret, by) => db.transaction(() => rotate(bench, keyPath, service, secret, by)),
    remove: (service, by) => db.transaction(() => remove(bench, service, by)),
    used: (id) =>
      db.transaction(() => {
        db.run("UPDATE source_webhooks SET used_at_ms = ? WHERE id = ?", clock.now(), id);
      }),
  };
}

function rowOf({ db }: Workbench, service: ServiceKey): Row | undefined {
  return db.get<Row>("SELECT * FROM source_webhooks WHERE service = ?", service);
}

function toWebhook(row: Row | undefined): SourceWebhook | undefined {
  if (row === undefined) return undefined;
  const { id, service, added_at_ms, added_by, used_at_ms } = row;
  return { id, service, addedAtMs: added_at_ms, addedBy: added_by, usedAtMs: used_at_ms ?? undefined };
}

function insert(
  bench: Workbench,
  keyPath: string,
  service: ServiceKey,
  { id, secret }: { readonly id: string; readonly secret: string },
  by: Asker,
): void {
  const { url } = requireSource(bench.db, service);
  if (rowOf(bench, service) !== undefined) throw taken(service);
  ensureKey(keyPath);
  const { nonce, sealed } = sealSecrets(keyPath, id, [{ secret }]);
  bench.db.run(
    "INSERT INTO source_webhooks (id, service, added_at_ms, added_by, nonce, sealed) VALUES (?, ?, ?, ?, ?, ?)",
    ...[id, service, bench.clock.now(), askerName(by), nonce, sealed],
  );
  bench.log.append({
    service,
    kind: "source.webhook-added",
    message: `${askerName(by)} lets the forge report pushes to ${url} for ${service}${why(by)}`,
    data: { url, webhook: id, ...askerData(by) },
  });
}

function rotate(bench: Workbench, keyPath: string, service: ServiceKey, secret: string, by: Asker): void {
  const row = requireRow(bench, service);
  const secrets = withNewest(open(keyPath, row), secret, bench.clock.now());
  const { nonce, sealed } = sealSecrets(keyPath, row.id, secrets);
  bench.db.run("UPDATE source_webhooks SET nonce = ?, sealed = ? WHERE id = ?", nonce, sealed, row.id);
  bench.log.append({
    service,
    kind: "source.webhook-rotated",
    message: `${askerName(by)} gave the webhook for pushes of ${service} a new secret${why(by)}`,
    data: { webhook: row.id, ...askerData(by) },
  });
}

function remove(bench: Workbench, service: ServiceKey, by: Asker): void {
  const { id } = requireRow(bench, service);
  bench.db.run("DELETE FROM source_webhooks WHERE id = ?", id);
  bench.log.append({
    service,
    kind: "source.webhook-removed",
    message: `${askerName(by)} removed the webhook for pushes of ${service}${why(by)}`,
    data: { webhook: id, ...askerData(by) },
  });
}

function requireRow(bench: Workbench, service: ServiceKey): Row {
  requireSource(bench.db, service);
  const row = rowOf(bench, service);
  if (row !== undefined) return row;
  throw new KilnError("webhook_unknown", `No forge reports pushes for ${service}.`, {
    hint: `\`kiln source webhook add ${service}\` makes a webhook for that.`,
  });
}

function taken(service: ServiceKey): KilnError {
  return new KilnError("webhook_taken", `${service} has a webhook for pushes already.`, {
    hint: `\`kiln source webhook rotate ${service}\` gives it a new secret, \`kiln source webhook rm ${service}\` removes it.`,
  });
}

type Secrets = z.infer<typeof overlappingSecrets>;

function sealSecrets(keyPath: string, id: string, secrets: Secrets) {
  return seal(readKey(keyPath), sealedAs(id), Buffer.from(JSON.stringify(secrets)));
}

function open(keyPath: string, { id, service, nonce, sealed }: Row): Secrets {
  const bytes = unseal(readKey(keyPath), sealedAs(id), { nonce, sealed });
  if (bytes !== undefined) return overlappingSecrets.parse(JSON.parse(bytes.toString()));
  throw new KilnError(
    "secret_corrupt",
    `The secret of the webhook for pushes of ${service} cannot be decrypted.`,
    {
      hint: "Another key was in use, or the database is damaged. Remove the webhook and add it again.",
    },
  );
}

/** No service has this name, so that no other secret is ever opened as this one. */
function sealedAs(id: string) {
  return { service: "", name: `source webhook ${id}`, version: 1 };
}
