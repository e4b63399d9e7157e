import { isSigned, keyIdOf } from "./signing-key.ts";

/** The data of an `audit.key` entry. The signature is that of the key before; the first one has none. */
export interface AnnouncedKey {
  readonly keyId: string;
  /** PEM. */
  readonly publicKey: string;
  readonly signedBy?: string;
  readonly signature?: string;
}

/**
 * The keys whose signature counts: those that the user trusts, and those that one that counts has signed. When the
 * user names none, the first that the log announces counts too.
 */
export class KeyRing {
  readonly #keys = new Map<string, string>();
  readonly #trusted: ReadonlySet<string>;

  /** `trusted`: ids of keys; `known`: those that the part of the log before has announced. */
  constructor(trusted: readonly string[] = [], known: readonly AnnouncedKey[] = []) {
    this.#trusted = new Set(trusted);
    for (const { keyId, publicKey } of known) this.#keys.set(keyId, publicKey);
  }

  get ids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** False when nobody vouches for the key, or it is none. */
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

  /** Whether the key of this id counts and has signed the data. */
  hasSigned(keyId: string, data: object): boolean {
    const publicKey = this.#keys.get(keyId);
    return publicKey !== undefined && isKey(publicKey, keyId) && isSigned(data, publicKey);
  }
}

/** False also for what is no key at all. */
function isKey(publicKey: string, keyId: string): boolean {
  try {
    return keyIdOf(publicKey) === keyId;
  } catch {
    return false;
  }
}
