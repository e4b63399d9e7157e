import { isUtf8 } from "node:buffer";
import type { ServiceKey } from "../../domain/ids.ts";
import type { ReleaseDraft, ReleaseSecret, WantedRelease } from "../../domain/rollout/release.ts";
import { KilnError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import type { Store } from "../../store/store.ts";

/** A draft with the content of its files, by digest. */
export interface FrozenContent {
  readonly draft: ReleaseDraft;
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

/**
 * What a deploy asks for, made fast: the newest version of each secret, the digest of each file. Throws
 * `secret_missing`, naming every one that is.
 */
export function freeze(store: Store, service: ServiceKey, wanted: WantedRelease): FrozenContent {
  const secrets = store.secrets.freeze(service, wanted.secrets);
  const read = wanted.files.map(({ to, mode, content }) => {
    const bytes = Buffer.from(content, "base64");
    return { bytes, file: { to, mode, digest: digestOf(bytes) } };
  });
  return {
    draft: { ...wanted, secrets, files: read.map(({ file }) => file) },
    contents: new Map(read.map(({ file, bytes }) => [file.digest, bytes])),
  };
}

/**
 * Opens every secret of the release, so that what stands against it shows before any server is made of it. Throws
 * `secret_missing`, `secret_key_invalid`, `secret_corrupt`, and `secret_invalid` for what cannot be an environment
 * variable.
 */
export function requireSecrets(store: Store, service: ServiceKey, secrets: readonly ReleaseSecret[]): void {
  const values = store.secrets.open(service, secrets);
  for (const { name, version, delivery } of secrets) {
    const value = values.get(name);
    if (delivery.kind === "file" || value === undefined || isText(value)) continue;
    throw new KilnError(
      "secret_invalid",
      `Version ${version} of the secret ${name} of ${service} holds bytes that an environment variable cannot hold: it is not UTF-8 text, or contains NUL.`,
      { hint: `Give it to servers as a file, with \`path\` in place of \`env\`, or set another value.` },
    );
  }
}

function isText(value: Uint8Array): boolean {
  return isUtf8(value) && !value.includes(0);
}
