import { join } from "node:path";
import { z } from "zod";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { readTextIfExists } from "../../lib/files/files.ts";
import { exec } from "../../lib/process/exec.ts";
import { dockerHub } from "./reference.ts";

/** What a person has stored for a registry. Never part of a message, a log or an argv. */
export type Credentials =
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  /** A refresh token, which is exchanged for short-lived ones. */
  | { readonly kind: "identity"; readonly token: string };

type Env = Readonly<Record<string, string | undefined>>;

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

/**
 * The credentials for a registry from the files of `docker login`, `podman login` and `skopeo login`, or from the
 * credential helper that they name; undefined when there are none. `REGISTRY_AUTH_FILE` names another file. Throws
 * `registry_denied` for a file or a helper that cannot be used.
 */
export async function findCredentials(env: Env, host: string): Promise<Credentials | undefined> {
  for (const path of configPaths(env)) {
    const config = await readConfigFile(path);
    const found = config && (await credentialsIn(config, host, env));
    if (found) return found;
  }
  return undefined;
}

/** In the order in which they are searched. */
function configPaths(env: Env): readonly string[] {
  if (env.REGISTRY_AUTH_FILE) return [env.REGISTRY_AUTH_FILE];
  const docker = env.DOCKER_CONFIG || (env.HOME && join(env.HOME, ".docker"));
  return [
    docker && join(docker, "config.json"),
    env.XDG_RUNTIME_DIR && join(env.XDG_RUNTIME_DIR, "containers/auth.json"),
    env.HOME && join(env.HOME, ".config/containers/auth.json"),
  ].flatMap((path) => path || []);
}

type ConfigFile = z.infer<typeof configFile>;

async function readConfigFile(path: string): Promise<ConfigFile | undefined> {
  try {
    const text = await readTextIfExists(path);
    return text === undefined ? undefined : configFile.parse(JSON.parse(text));
  } catch (cause) {
    // the parser's own words may quote the content
    const why = isErrno(cause, "EACCES") ? "permission denied" : "it is not a file of credentials in JSON";
    throw new KilnError("registry_denied", `The credentials in ${path} cannot be read: ${why}.`, {
      hint: "Log in again with `docker login` or `skopeo login`, or name another file in REGISTRY_AUTH_FILE.",
    });
  }
}

async function credentialsIn(config: ConfigFile, host: string, env: Env): Promise<Credentials | undefined> {
  const isHub = dockerHub.names.includes(host);
  const keys = isHub ? [dockerHub.credentialKey, ...dockerHub.names] : [host];
  const helper = keys.map((key) => config.credHelpers?.[key]).find(Boolean) ?? config.credsStore;
  for (const key of keys) {
    const found = helper === undefined ? undefined : await askHelper(helper, key, env);
    if (found) return found;
  }
  const entries = Object.entries(config.auths ?? {});
  for (const key of keys) {
    const own = entries.find(([name]) => name === key || hostOf(name) === hostOf(key))?.[1];
    const found = own && fromEntry(own);
    if (found) return found;
  }
  return undefined;
}

/** `https://host/v1/` and `host/` stand for `host`; `host/team` is for one part of the registry. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");
}

function fromEntry({
  auth,
  username,
  password,
  identitytoken,
}: z.infer<typeof entry>): Credentials | undefined {
  if (identitytoken) return { kind: "identity", token: identitytoken };
  if (username && password) return { kind: "password", user: username, password };
  const text = Buffer.from(auth ?? "", "base64")
    .toString()
    .replace(/\0+$/, "");
  const colon = text.indexOf(":");
  if (colon <= 0) return undefined;
  return { kind: "password", user: text.slice(0, colon), password: text.slice(colon + 1) };
}

const helperAnswer = z.object({ Username: z.string(), Secret: z.string() });
const helperTimeoutMs = 30_000;

/** The protocol of docker-credential-helpers: the registry on standard input, JSON on standard output. */
async function askHelper(name: string, key: string, env: Env): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw helperFailed(name);
  const given = await exec([`docker-credential-${name}`, "get"], {
    input: key,
    timeoutMs: helperTimeoutMs,
    accept: "any",
    env: Object.fromEntries(helperVariables.flatMap((one) => (env[one] ? [[one, env[one]]] : []))),
  });
  if (given.code !== 0 && /credentials not found/i.test(given.stdout)) return undefined;
  try {
    if (given.code !== 0) throw helperFailed(name);
    const { Username, Secret } = helperAnswer.parse(JSON.parse(given.stdout));
    if (Username === "<token>") return { kind: "identity", token: Secret };
    return { kind: "password", user: Username, password: Secret };
  } catch {
    throw helperFailed(name); // the parser's own words may quote the answer
  }
}

/** What helpers find their stores with. */
const helperVariables = [
  "HOME",
  "USER",
  "XDG_RUNTIME_DIR",
  "DBUS_SESSION_BUS_ADDRESS",
  "GNUPGHOME",
  "PASSWORD_STORE_DIR",
];

function helperFailed(name: string): KilnError {
  return new KilnError(
    "registry_denied",
    `The credential helper docker-credential-${name} gives no credentials.`,
    {
      hint: `Try it: echo HOST | docker-credential-${name} get`,
    },
  );
}
