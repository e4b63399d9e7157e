import { join } from "node:path";
import { z } from "zod";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { readTextIfExists } from "../../lib/files/files.ts";
import { dockerHub } from "./reference.ts";

export type Env = Readonly<Record<string, string | undefined>>;

const entry = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
});

/** Docker's `config.json` and `auth.json` of containers-auth.json(5), as far as they are about credentials. */
const configFile = z.object({
  auths: z.record(z.string(), entry).optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
});

export type CredentialEntry = z.infer<typeof entry>;

/** In the order in which they are searched. */
export function credentialPaths(env: Env): readonly string[] {
  if (env.REGISTRY_AUTH_FILE) return [env.REGISTRY_AUTH_FILE];
  const docker = env.DOCKER_CONFIG || (env.HOME && join(env.HOME, ".docker"));
  return [
    docker && join(docker, "config.json"),
    env.XDG_RUNTIME_DIR && join(env.XDG_RUNTIME_DIR, "containers/auth.json"),
    env.HOME && join(env.HOME, ".config/containers/auth.json"),
  ].flatMap((path) => path || []);
}

export type CredentialFile = z.infer<typeof configFile>;

/** Undefined where there is no file. Throws `registry_denied` for one that cannot be used. */
export async function readCredentialFile(path: string): Promise<CredentialFile | undefined> {
  try {
    const text = await readTextIfExists(path);
    return text === undefined ? undefined : configFile.parse(JSON.parse(text));
  } catch (cause) {
    // the parser's own words may quote the content
    const why = isErrno(cause, "EACCES") ? "permission denied" : "it is not a file of credentials in JSON";
    throw new KilnError("registry_denied", `The credentials in ${path} cannot be read: ${why}.`, {
      hint: "Correct or remove the file and log in again with `kiln registry login`, or name another file in REGISTRY_AUTH_FILE.",
    });
  }
}

/** The names under which the credentials of a registry may be stored; the first one is for new ones. */
export function keysOf(host: string): readonly string[] {
  return dockerHub.names.includes(host) ? [dockerHub.credentialKey, ...dockerHub.names] : [host];
}

/** The credential helper that a file names for a registry. An empty name stands for the file itself, as Docker writes and reads it. */
export function helperFor({ credHelpers, credsStore }: CredentialFile, host: string): string | undefined {
  const own = keysOf(host).map((key) => credHelpers?.[key]);
  return (own.find((name) => name !== undefined) ?? credsStore) || undefined;
}

/** Whether an entry of `auths` is for a registry, whose key is one of `keysOf`. */
export function isEntryOf(name: string, key: string): boolean {
  return name === key || hostOf(name) === hostOf(key);
}

/** `https://host/v1/` and `host/` stand for `host`; `host/team` is for one part of the registry. */
export function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");
}
