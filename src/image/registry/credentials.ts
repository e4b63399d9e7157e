import {
  type CredentialEntry,
  type CredentialFile,
  credentialPaths,
  type Env,
  helperFor,
  isEntryOf,
  keysOf,
  readCredentialFile,
} from "./credential-file.ts";
import { askHelper, type Credentials } from "./credential-helper.ts";

/**
 * The credentials for a registry from the files of `docker login`, `podman login` and `skopeo login`, or from the
 * credential helper that they name; undefined when there are none. `REGISTRY_AUTH_FILE` names another file. Throws
 * `registry_denied` for a file or a helper that cannot be used.
 */
export async function findCredentials(env: Env, host: string): Promise<Credentials | undefined> {
  for (const path of credentialPaths(env)) {
    const config = await readCredentialFile(path);
    const found = config && (await credentialsIn(config, host, env));
    if (found) return found;
  }
  return undefined;
}

async function credentialsIn(
  config: CredentialFile,
  host: string,
  env: Env,
): Promise<Credentials | undefined> {
  const helper = helperFor(config, host);
  for (const key of keysOf(host)) {
    const found = helper === undefined ? undefined : await askHelper(helper, key, env);
    if (found) return found;
  }
  const entries = Object.entries(config.auths ?? {});
  for (const key of keysOf(host)) {
    const own = entries.find(([name]) => isEntryOf(name, key))?.[1];
    const found = own && fromEntry(own);
    if (found) return found;
  }
  return undefined;
}

/** What an entry of `auths` holds, without a helper. */
export function fromEntry({
  auth,
  username,
  password,
  identitytoken,
}: CredentialEntry): Credentials | undefined {
  if (identitytoken) return { kind: "identity", token: identitytoken };
  if (username && password) return { kind: "password", user: username, password };
  const text = Buffer.from(auth ?? "", "base64")
    .toString()
    .replace(/\0+$/, "");
  const colon = text.indexOf(":");
  if (colon <= 0) return undefined;
  return { kind: "password", user: text.slice(0, colon), password: text.slice(colon + 1) };
}
