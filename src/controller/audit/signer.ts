import { existsSync, rmSync } from "node:fs";
import type { Acceptance } from "../../audit/acceptance.ts";
import { asCheckpoint, type Checkpoint, type ExportedCheckpoint } from "../../audit/checkpoint.ts";
import type { AnnouncedKey } from "../../audit/key-ring.ts";
import { newPrivateKey, readSigningKey, type SigningKey } from "../../audit/signing-key.ts";
import { type Asker, actorName, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { NewEvent } from "../../domain/event.ts";
import { KilnError } from "../../lib/errors.ts";
import { makePrivateFile, movePrivateFile, replacePrivateFile } from "../../lib/files/private-file.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Store } from "../../store/store.ts";

export interface SignerParts {
  readonly store: Store;
  readonly clock: Clock;
  /** The private key's file. */
  readonly keyPath: string;
  /** Where the newest checkpoint lies, apart from the database. */
  readonly checkpointPath: string;
}

/** Holds the key that vouches for the event log. Every use throws `audit_key_invalid` when the key is missing or not valid. */
export interface Signer {
  /** Makes the key at the first start; finishes a rotation that was cut off. */
  ready(): void;
  /** A signed checkpoint of the log as it is; the last one when nothing has happened since. */
  checkpoint(): ExportedCheckpoint;
  /** Records an acceptance, signed. Returns its place. */
  accept(acceptance: Acceptance): { readonly sequence: number };
  /** The last one that was signed. */
  last(): Checkpoint | undefined;
  /** What the log says of the present key. */
  announced(): AnnouncedKey | undefined;
  /** A new key, vouched for by the old one if that can be read. */
  rotate(by: Asker): AnnouncedKey;
}

export function createSigner({ store, clock, keyPath, checkpointPath }: SignerParts): Signer {
  const { log } = store;
  const newPath = `${keyPath}.new`;
  const announced = () => log.newest("audit.key")?.data as AnnouncedKey | undefined;
  const last = () => asCheckpoint(log.newest("audit.checkpoint")?.data);

  function ready(): void {
    if (existsSync(newPath)) finishRotation();
    if (announced() !== undefined) return void key();
    makePrivateFile(keyPath, newPrivateKey());
    const { id, publicKey } = readSigningKey(keyPath);
    store.appendEvent(keyEvent(`Checkpoints are signed with the key ${id}.`, { keyId: id, publicKey }));
  }

  /** The new key is the one that counts as soon as the log says so. */
  function finishRotation(): void {
    if (readSigningKey(newPath).id === announced()?.keyId) movePrivateFile(newPath, keyPath);
    else rmSync(newPath);
  }

  function key(): SigningKey {
    const found = readSigningKey(keyPath);
    const wanted = announced()?.keyId;
    if (found.id === wanted) return found;
    throw new KilnError(
      "audit_key_invalid",
      `${keyPath} is the key ${found.id}; the event log names ${wanted}.`,
      {
        hint: "Restore the key file that belongs to this state folder. If it is lost, `kiln audit rotate` makes a new one.",
      },
    );
  }

  function checkpoint(): ExportedCheckpoint {
    const signing = key();
    const known = log.newest("audit.checkpoint");
    const isNew = known === undefined || known.sequence < log.end().sequence;
    const event = isNew ? log.appendAfter((mark) => checkpointEvent(mark, signing, clock.now())) : known;
    const exported = { ...(event.data as unknown as Checkpoint), publicKey: signing.publicKey };
    replacePrivateFile(checkpointPath, `${JSON.stringify(exported, null, 2)}\n`);
    return exported;
  }

  function rotate(by: Asker): AnnouncedKey {
    const old = orUndefined(key);
    rmSync(newPath, { force: true });
    makePrivateFile(newPath, newPrivateKey());
    const { id, publicKey } = readSigningKey(newPath);
    const data = { ...askerData(by), keyId: id, publicKey };
    const unvouched = old === undefined ? ", for which the old one could not vouch" : "";
    const message = `${askerName(by)} made a new key for checkpoints, ${id}${unvouched}${why(by)}`;
    const event = keyEvent(message, old === undefined ? data : old.signed({ ...data, signedBy: old.id }));
    store.appendEvent(event);
    movePrivateFile(newPath, keyPath);
    checkpoint();
    return { keyId: id, publicKey };
  }

  function accept(acceptance: Acceptance): { readonly sequence: number } {
    const { sequence } = store.appendEvent(acceptanceEvent(acceptance, key()));
    checkpoint();
    return { sequence };
  }

  return { ready, accept, checkpoint, last, announced, rotate };
}

function keyEvent(message: string, data: AnnouncedKey): NewEvent {
  return { service: undefined, kind: "audit.key", message, data: { ...data } };
}

function checkpointEvent(
  { sequence, digest }: { readonly sequence: number; readonly digest: string },
  key: SigningKey,
  atMs: number,
): NewEvent {
  const message = `The log up to entry ${sequence} is signed with the key ${key.id}.`;
  const data = key.signed({ atMs, digest, keyId: key.id, sequence });
  return { service: undefined, kind: "audit.checkpoint", message, data };
}

function acceptanceEvent(acceptance: Acceptance, key: SigningKey): NewEvent {
  const { actor, first, reason } = acceptance;
  const what =
    first === undefined
      ? "another program has written to the state database"
      : `the log was altered, first in entry ${first}`;
  const message = `${actorName(actor)} accepted that ${what}: ${reason}`;
  return {
    service: undefined,
    kind: "audit.accepted",
    message,
    data: key.signed({ ...acceptance, keyId: key.id }),
  };
}

/** Undefined for a key that cannot be used. */
function orUndefined(key: () => SigningKey): SigningKey | undefined {
  try {
    return key();
  } catch (error) {
    if (error instanceof KilnError && error.code === "audit_key_invalid") return undefined;
    throw error;
  }
}
