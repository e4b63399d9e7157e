import { z } from "zod";
import { KilnError } from "../../lib/errors.ts";
import { exec } from "../../lib/process/exec.ts";
import type { Env } from "./credential-file.ts";

/** What a person has stored for a registry. Never part of a message, a log or an argv. */
export type Credentials =
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  /** A refresh token, which is exchanged for short-lived ones. */
  | { readonly kind: "identity"; readonly token: string };

/** A program `docker-credential-NAME` that keeps credentials, by the protocol of docker-credential-helpers: input on standard input, JSON on standard output. */

const helperAnswer = z.object({ Username: z.string(), Secret: z.string() });
/** Stands for a user when the secret is a refresh token. */
const identityUser = "<token>";
const helperTimeoutMs = 30_000;

type Verb = "get" | "store" | "erase" | "list";

async function call(name: string, verb: Verb, input: string, env: Env) {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw helperFailed(name, verb);
  return exec([`docker-credential-${name}`, verb], {
    ...{ input, timeoutMs: helperTimeoutMs, accept: "any" },
    env: Object.fromEntries(helperVariables.flatMap((one) => (env[one] ? [[one, env[one]]] : []))),
  });
}

/** Undefined when the helper has none for this name. Throws `registry_denied`. */
export async function askHelper(name: string, key: string, env: Env): Promise<Credentials | undefined> {
  const given = await call(name, "get", key, env);
  if (given.code !== 0 && /credentials not found/i.test(given.stdout)) return undefined;
  try {
    if (given.code !== 0) throw helperFailed(name, "get");
    const { Username, Secret } = helperAnswer.parse(JSON.parse(given.stdout));
    if (Username === identityUser) return { kind: "identity", token: Secret };
    return { kind: "password", user: Username, password: Secret };
  } catch {
    throw helperFailed(name, "get"); // the parser's own words may quote the answer
  }
}

/** Throws `registry_denied`. */
export async function storeInHelper(
  name: string,
  key: string,
  credentials: Credentials,
  env: Env,
): Promise<void> {
  const [Username, Secret] =
    credentials.kind === "password"
      ? [credentials.user, credentials.password]
      : [identityUser, credentials.token];
  const done = await call(name, "store", JSON.stringify({ ServerURL: key, Username, Secret }), env);
  if (done.code !== 0) throw helperFailed(name, "store");
}

/** One that it does not have is not a fault. Throws `registry_denied`. */
export async function eraseFromHelper(name: string, key: string, env: Env): Promise<void> {
  const done = await call(name, "erase", key, env);
  if (done.code !== 0 && !/credentials not found/i.test(done.stdout)) throw helperFailed(name, "erase");
}

/** Names of registries with their users. Throws `registry_denied`. */
export async function listHelper(name: string, env: Env): Promise<Readonly<Record<string, string>>> {
  const given = await call(name, "list", "", env);
  try {
    if (given.code !== 0) throw helperFailed(name, "list");
    return z.record(z.string(), z.string()).parse(JSON.parse(given.stdout));
  } catch {
    throw helperFailed(name, "list");
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

const tasks: Readonly<Record<Verb, string>> = {
  get: "gives no credentials",
  store: "does not store the credentials",
  erase: "does not erase the credentials",
  list: "does not list what it has",
};

function helperFailed(name: string, verb: Verb): KilnError {
  return new KilnError("registry_denied", `The credential helper docker-credential-${name} ${tasks[verb]}.`, {
    hint: `Try it: echo HOST | docker-credential-${name} ${verb === "list" ? verb : "get"}`,
  });
}
