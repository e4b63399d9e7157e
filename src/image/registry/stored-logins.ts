import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { isErrno, KilnError, toKilnError } from "../../lib/errors.ts";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";
import {
  type CredentialFile,
  credentialPaths,
  type Env,
  helperFor,
  hostOf,
  isEntryOf,
  keysOf,
  readCredentialFile,
} from "./credential-file.ts";
import {
  askHelper,
  type Credentials,
  eraseFromHelper,
  listHelper,
  storeInHelper,
} from "./credential-helper.ts";
import { fromEntry } from "./credentials.ts";

/** Where the credentials of a registry are. */
export interface StoredLogin {
  readonly host: string;
  /** Undefined for a refresh token. */
  readonly user: string | undefined;
  /** The path of a file, or `docker-credential-NAME`. */
  readonly place: string;
}

/**
 * Stores the credentials for a registry where `findCredentials` looks first: with the helper that the file names, or in the file itself,
 * which only its owner may read from then on. What else is in the file stays. Throws `registry_denied`, and `usage` without a place.
 */
export async function storeLogin(env: Env, host: string, credentials: Credentials): Promise<StoredLogin> {
  const path = firstPath(env);
  const config = (await readCredentialFile(path)) ?? {};
  const [key = host] = keysOf(host);
  const helper = helperFor(config, host);
  const user = credentials.kind === "password" ? credentials.user : undefined;
  if (helper !== undefined) {
    await storeInHelper(helper, key, credentials, env);
    await changeAuths(path, (auths) => withoutHost(auths, host)); // an entry from before there was a helper
    return { host, user, place: `docker-credential-${helper}` };
  }
  await changeAuths(path, (auths) => ({ ...withoutHost(auths, host), [key]: entryOf(credentials) }));
  return { host, user, place: path };
}

function firstPath(env: Env): string {
  const [path] = credentialPaths(env);
  if (path !== undefined) return path;
  throw new KilnError("usage", "Nothing says where credentials are stored: HOME is not set.", {
    hint: "Set HOME, DOCKER_CONFIG to a folder, or REGISTRY_AUTH_FILE to a file.",
  });
}

function entryOf(credentials: Credentials) {
  if (credentials.kind === "identity") return { identitytoken: credentials.token };
  return { auth: Buffer.from(`${credentials.user}:${credentials.password}`).toString("base64") };
}

type Auths = Readonly<Record<string, unknown>>;

function withoutHost(auths: Auths, host: string): Auths {
  const keys = keysOf(host);
  return Object.fromEntries(
    Object.entries(auths).filter(([name]) => !keys.some((key) => isEntryOf(name, key))),
  );
}

/** Nothing is written where nothing changes. No change of another `kiln` is lost; `docker login` knows no lock. `readCredentialFile` has checked the file. */
async function changeAuths(path: string, change: (auths: Auths) => Auths): Promise<void> {
  try {
    if ((await changedText(path, change)) === undefined) return;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = existsSync(path) ? realpathSync(path) : path; // it may be a symlink into a folder of its own
    await withFileLock(`${file}.kiln-lock`, async () => {
      const text = await changedText(file, change);
      if (text !== undefined) await writeFileAtomic(file, text, { mode: 0o600 });
    });
  } catch (cause) {
    const code = ["EACCES", "EPERM", "EROFS", "ENOTDIR"].find((one) => isErrno(cause, one));
    if (code === undefined) throw cause;
    throw new KilnError("registry_denied", `The credentials in ${path} cannot be written (${code}).`, {
      hint: "Make its folder writable, or name another file in REGISTRY_AUTH_FILE.",
      cause,
    });
  }
}

/** Undefined: the change changes nothing. */
async function changedText(path: string, change: (auths: Auths) => Auths): Promise<string | undefined> {
  const whole = JSON.parse((await readTextIfExists(path)) ?? "{}") as { readonly auths?: Auths };
  const auths = change(whole.auths ?? {});
  if (JSON.stringify(auths) === JSON.stringify(whole.auths ?? {})) return undefined;
  return `${JSON.stringify({ ...whole, auths }, null, 2)}\n`;
}

/** Removes the credentials for a registry from every place where they would be found; returns these places. */
export async function eraseLogin(env: Env, host: string): Promise<readonly string[]> {
  const places: string[] = [];
  for (const path of credentialPaths(env)) {
    const config = await readCredentialFile(path);
    if (config === undefined) continue;
    places.push(...(await eraseFrom(config, host, env)));
    const has = Object.keys(config.auths ?? {}).some((name) =>
      keysOf(host).some((key) => isEntryOf(name, key)),
    );
    if (!has) continue;
    await changeAuths(path, (auths) => withoutHost(auths, host));
    places.push(path);
  }
  return places;
}

async function eraseFrom(config: CredentialFile, host: string, env: Env): Promise<readonly string[]> {
  const helper = helperFor(config, host);
  if (helper === undefined) return [];
  let found = false;
  for (const key of keysOf(host)) {
    if ((await askHelper(helper, key, env)) === undefined) continue;
    await eraseFromHelper(helper, key, env);
    found = true;
  }
  return found ? [`docker-credential-${helper}`] : [];
}

export interface StoredLogins {
  /** By registry; of several places, the one that is asked first. */
  readonly logins: readonly StoredLogin[];
  /** Why some are missing: credential helpers that do not list what they have. */
  readonly faults: readonly KilnError[];
}

/** Throws `registry_denied` for a file that cannot be read. */
export async function listLogins(env: Env): Promise<StoredLogins> {
  const found = new Map<string, StoredLogin>();
  const faults: KilnError[] = [];
  for (const path of credentialPaths(env)) {
    const config = (await readCredentialFile(path)) ?? {};
    const ofHelpers = await inHelpers(config, env);
    faults.push(...ofHelpers.faults);
    for (const one of [...ofHelpers.logins, ...inFile(config, path)]) {
      if (!found.has(one.host)) found.set(one.host, one);
    }
  }
  const logins = [...found.values()].toSorted((one, other) => (one.host < other.host ? -1 : 1));
  return { logins, faults };
}

async function inHelpers(config: CredentialFile, env: Env): Promise<StoredLogins> {
  const { credHelpers = {}, credsStore } = config;
  const helpers = new Set([...Object.values(credHelpers), credsStore ?? ""].filter((name) => name !== ""));
  const lists = await Promise.all(
    [...helpers].map(async (name) => {
      try {
        return { logins: inHelper(config, name, await listHelper(name, env)), faults: [] };
      } catch (error) {
        return { logins: [], faults: [toKilnError(error)] };
      }
    }),
  );
  return {
    logins: lists.flatMap(({ logins }) => logins),
    faults: lists.flatMap(({ faults }) => faults),
  };
}

function inHelper(
  config: CredentialFile,
  name: string,
  users: Readonly<Record<string, string>>,
): readonly StoredLogin[] {
  return Object.entries(users).flatMap(([key, user]) => {
    const host = hostOf(key);
    if (helperFor(config, host) !== name) return []; // it is not asked for this registry
    return [{ host, user: user === "<token>" ? undefined : user, place: `docker-credential-${name}` }];
  });
}

function inFile({ auths = {} }: CredentialFile, place: string): readonly StoredLogin[] {
  return Object.entries(auths).flatMap(([name, entry]) => {
    const found = fromEntry(entry);
    if (found === undefined) return []; // it says that a helper has them
    return [{ host: hostOf(name), user: found.kind === "password" ? found.user : undefined, place }];
  });
}
