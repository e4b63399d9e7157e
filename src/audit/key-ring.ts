import { keyIdOf } from "../lib/key-id.ts";
import { isSigned } from "./signing-key.ts";

/** The data of an `audit.key` entry. The previous key has signed it; the first key has no signature. */
export interface AnnouncedKey {
  readonly keyId: string;
  /** PEM. */
  readonly publicKey: string;
  readonly signedBy?: string;
  readonly signature?: string;
}

/**
 * The trusted keys: the ones that the user trusts, and those that a trusted key has signed. When the user names none,
 * the first key in the log is trusted too.
 */
export class KeyRing {
  readonly #keys = new Map<string, string>();
  readonly #trusted: ReadonlySet<string>;

  /** `trusted`: ids of keys; `known`: the keys in the earlier part of the log. */
  constructor(trusted: readonly string[] = [], known: readonly AnnouncedKey[] = []) {
    this.#trusted = new Set(trusted);
    for (const { keyId, publicKey } of known) this.#keys.set(keyId, publicKey);
  }

  get ids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** False when no trusted key has signed the key, or when it is not a key. */
  announce(data: unknown): boolean {
    const { keyId, publicKey } = (data ?? {}) as Partial<AnnouncedKey>;
    if (typeof keyId !== "string" || typeof publicKey !== "string") return false;
    if (!isKey(publicKey, keyId) || !this.#counts(data as AnnouncedKey)) return false;
    this.#keys.set(keyId, publicKey);
    return true;
  }

  #counts(key: AnnouncedKey): boolean {
    if (this.#trusted.has(key.keyId)) return true;
    if (key.signedBy !== undefined) return this.hasSigned(key.signedBy, key);
    return this.#keys.size === 0 && this.#trusted.size === 0;
  }

  /** Whether the key with this id is trusted and has signed the data. */
  hasSigned(keyId: string, data: object): boolean {
    const publicKey = this.#keys.get(keyId);
    return publicKey !== undefined && isKey(publicKey, keyId) && isSigned(data, publicKey);
  }
}

/** False also for text that is not a key. */
function isKey(publicKey: string, keyId: string): boolean {
  try {
    return keyIdOf(publicKey) === keyId;
  } catch {
    return false;
  }
}
