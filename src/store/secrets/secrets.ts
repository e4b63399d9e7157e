import assert from "node:assert";
import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { ReleaseSecret } from "../../domain/rollout/release.ts";
import type { SecretSpec } from "../../domain/spec/server-shape.ts";
import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import type { Workbench } from "../workbench.ts";
import { seal, unseal } from "./sealing.ts";
import { ensureKey, readKey, type SecretKey } from "./secret-key.ts";
import {
  deleteUnusedVersions,
  deleteVersions,
  hasVersions,
  insertVersion,
  type SecretRow,
  selectCertified,
  selectNewestVersion,
  selectUsers,
  selectVersion,
  selectVersions,
  takeVersion,
} from "./secret-versions.ts";

/** What can be said of one version of a secret: all but its value. */
export interface StoredSecretVersion {
  readonly service: ServiceKey;
  readonly name: string;
  /** From 1; never given twice. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly createdBy: string;
  /** The kept releases whose servers get this version. */
  readonly releases: readonly number[];
}

/** What `set` led to. */
interface SecretSet {
  readonly version: number;
  /** False when it was the newest version's value already. */
  readonly changed: boolean;
}

/**
 * The secrets of all services. Values are encrypted at rest with a key file next to the database, made with the first
 * secret. Whatever needs a value throws `secret_key_invalid` when that file is not as it must be, and `secret_corrupt`
 * when a value was altered; no message and no event holds a value.
 */
export interface SecretStore {
  /** A new version, unless the newest has this value. What no kept release uses any more is forgotten. */
  set(service: ServiceKey, name: string, value: Uint8Array, by: Asker): SecretSet;
  /** Of one service or of all, by service and name, the oldest version first. Needs no key. */
  list(service?: ServiceKey): readonly StoredSecretVersion[];
  /** With all its versions. Throws `secret_unknown`, and `secret_in_use` while a kept release needs one. */
  remove(service: ServiceKey, name: string, by: Asker): void;
  /** The newest version of each. Throws `secret_missing`, naming all that are. Needs no key. */
  freeze(service: ServiceKey, secrets: readonly SecretSpec[]): readonly ReleaseSecret[];
  /** The value of the newest version. Throws `secret_missing`. */
  newest(service: ServiceKey, name: string): Uint8Array;
  /** Their values by name. Throws `secret_missing`, naming all that are. */
  open(service: ServiceKey, secrets: readonly ReleaseSecret[]): ReadonlyMap<string, Uint8Array>;
}

/** The secrets in this database, sealed with the key file at `keyPath`. */
export function openSecrets(bench: Workbench, keyPath: string): SecretStore {
  const { db } = bench;
  return {
    set: (service, name, value, by) =>
      db.transaction(() => setSecret(bench, keyPath, { service, name, by }, value)),
    list: (service) => listVersions(bench, service),
    remove: (service, name, by) => db.transaction(() => removeSecret(bench, service, name, by)),
    freeze: (service, secrets) => freeze(bench, service, secrets),
    newest: (service, name) => newest(bench, keyPath, service, name),
    open: (service, secrets) =>
      secrets.length === 0 ? new Map() : openAll(bench, keyPath, service, secrets),
  };
}

function setSecret(
  { db, log, clock }: Workbench,
  keyPath: string,
  { service, name, by }: { readonly service: ServiceKey; readonly name: string; readonly by: Asker },
  value: Uint8Array,
): SecretSet {
  if (!hasVersions(db)) ensureKey(keyPath);
  const key = readKey(keyPath);
  const newest = selectNewestVersion(db, service, name);
  // A version that can no longer be opened is not a reason to refuse a good one.
  if (newest && unseal(key, newest, newest)?.equals(value))
    return { version: newest.version, changed: false };
  const version = takeVersion(db, service, name);
  const sealed = seal(key, { service, name, version }, value);
  insertVersion(db, {
    ...{ service, name, version, key_id: key.id, ...sealed },
    ...{ created_at_ms: clock.now(), created_by: askerName(by) },
  });
  deleteUnusedVersions(db, service);
  const message = `${askerName(by)} set version ${version} of the secret ${name} of ${service}${why(by)}`;
  log.append({ service, kind: "secret.set", message, data: { name, version, ...askerData(by) } });
  return { version, changed: true };
}

function listVersions({ db }: Workbench, service: ServiceKey | undefined): readonly StoredSecretVersion[] {
  const users = Map.groupBy(selectUsers(db, service), nameOf);
  return selectVersions(db, service).map((row) => ({
    ...{ service: row.service, name: row.name, version: row.version },
    ...{ createdAtMs: row.created_at_ms, createdBy: row.created_by },
    releases: (users.get(nameOf(row)) ?? []).map(({ number }) => number),
  }));
}

function nameOf(row: Pick<SecretRow, "service" | "name" | "version">): string {
  return `${row.service} ${row.name} ${row.version}`;
}

function removeSecret({ db, log }: Workbench, service: ServiceKey, name: string, by: Asker): void {
  const users = selectUsers(db, service).filter((user) => user.name === name);
  const certified = selectCertified(db, service, name);
  if (users.length + certified.length > 0) {
    const releases = [
      ...users.map(({ number, version }) => `release ${number} (version ${version})`),
      ...certified.map((number) => `release ${number} (its certificate)`),
    ].join(", ");
    throw new KilnError("secret_in_use", `The secret ${name} of ${service} is used by ${releases}.`, {
      hint: "A secret can be removed when no kept release needs it: deploy without it; Kiln forgets old releases with time.",
    });
  }
  if (deleteVersions(db, service, name) === 0) throw unknownSecret(db, service, name);
  const message = `${askerName(by)} removed the secret ${name} of ${service}${why(by)}`;
  log.append({ service, kind: "secret.removed", message, data: { name, ...askerData(by) } });
}

function unknownSecret(db: Workbench["db"], service: ServiceKey, name: string): KilnError {
  const names = [...new Set(selectVersions(db, service).map((row) => row.name))];
  const near = nearest(name, names);
  const known = names.length === 0 ? `${service} has no secrets.` : `${service} has: ${names.join(", ")}.`;
  return new KilnError("secret_unknown", `${service} has no secret ${name}.`, {
    hint: near === undefined ? known : `Did you mean ${near}?`,
  });
}

function freeze(
  { db }: Workbench,
  service: ServiceKey,
  secrets: readonly SecretSpec[],
): readonly ReleaseSecret[] {
  const found = secrets.flatMap((secret): readonly ReleaseSecret[] => {
    const newest = selectNewestVersion(db, service, secret.name);
    return newest === undefined ? [] : [{ ...secret, version: newest.version }];
  });
  const names = new Set(found.map(({ name }) => name));
  const missing = secrets.filter(({ name }) => !names.has(name));
  if (missing.length > 0) throw missingSecrets(service, missing);
  return found;
}

/** All that are missing at once, as the commands that set them. */
function missingSecrets(service: ServiceKey, missing: readonly SecretSpec[]): KilnError {
  const names = missing.map(({ name }) => name);
  const what = names.length === 1 ? `the secret ${names[0]}` : `the secrets ${names.join(", ")}`;
  return new KilnError("secret_missing", `${service} lacks ${what}.`, {
    hint:
      names.length === 1
        ? `Set it with \`kiln secret set ${names[0]} ${service}\`.`
        : `Set each with \`kiln secret set NAME ${service}\`.`,
  });
}

function newest(bench: Workbench, keyPath: string, service: ServiceKey, name: string): Uint8Array {
  // How a server would get it does not matter.
  const frozen = freeze(bench, service, [{ name, delivery: { kind: "file", path: "/" } }]);
  const value = openAll(bench, keyPath, service, frozen).get(name);
  assert(value, "what was frozen was opened");
  return value;
}

function openAll(
  { db }: Workbench,
  keyPath: string,
  service: ServiceKey,
  secrets: readonly ReleaseSecret[],
): ReadonlyMap<string, Uint8Array> {
  const found = secrets.map(({ name, version }) => ({
    name,
    version,
    row: selectVersion(db, service, name, version),
  }));
  const gone = found.filter(({ row }) => row === undefined);
  if (gone.length > 0) {
    const names = gone.map(({ name, version }) => `version ${version} of ${name}`).join(", ");
    throw new KilnError("secret_missing", `${service} has lost ${names}.`, {
      hint: "Set the secret again and deploy; `kiln secret ls` lists the versions that Kiln has.",
    });
  }
  const key = readKey(keyPath);
  return new Map(found.flatMap(({ name, row }) => (row ? [[name, openOne(key, row)]] : [])));
}

function openOne(key: SecretKey, row: SecretRow): Uint8Array {
  const { name, version, service } = row;
  const value = row.key_id === key.id ? unseal(key, row, row) : undefined;
  if (value !== undefined) return value;
  if (row.key_id !== key.id) {
    throw new KilnError(
      "secret_key_invalid",
      `${key.path} is not the key that version ${version} of the secret ${name} of ${service} was encrypted with.`,
      { hint: "Restore the key file that belongs to this state folder, or set the secret again and deploy." },
    );
  }
  throw new KilnError(
    "secret_corrupt",
    `Version ${version} of the secret ${name} of ${service} was altered: the database is damaged, or another program changed it.`,
    { hint: "Set the secret again and deploy, and find out who could write to the state folder." },
  );
}
