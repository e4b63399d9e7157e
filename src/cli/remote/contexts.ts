import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { KilnError } from "../../lib/errors.ts";
import { type PrivateFileWords, readPrivateFile, replacePrivateFile } from "../../lib/files/private-file.ts";
import { nearest } from "../../lib/nearest.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** How one controller over the network is reached, and who asks there. */
export interface SavedContext {
  readonly name: string;
  /** `HOST:PORT` */
  readonly address: string;
  /** PEM */
  readonly authority: string;
  readonly token: string;
  /** Whose token it is. */
  readonly identity: string;
  readonly expiresAtMs: number;
}

export interface Contexts {
  /** Undefined: this machine's own controller. */
  readonly current: string | undefined;
  readonly all: readonly SavedContext[];
}

/** Names this machine's own controller, where a context is asked for. */
export const localContext = "local";

const file = z.object({
  current: z.string().optional(),
  contexts: z.array(
    z.object({
      name: z.string(),
      address: z.string(),
      authority: z.string(),
      token: z.string(),
      identity: z.string(),
      expiresAtMs: z.number(),
    }),
  ),
});

const words: PrivateFileWords = {
  code: "state_untrusted",
  missing: "no context can be used",
  restore: "Log in with `kiln login`.",
  exposed:
    "If another user may have read it, let an administrator revoke its tokens (kiln access revoke NAME), and log in again.",
};

/** XDG Base Directory Specification, `XDG_CONFIG_HOME`; relative paths are to be ignored. */
export function configFolder({ XDG_CONFIG_HOME = "" }: Env): string {
  return join(isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(homedir(), ".config"), "kiln");
}

function contextsPath(env: Env): string {
  return join(configFolder(env), "contexts.json");
}

/** Throws `state_untrusted` for a file that other users can read, and `usage` for one that Kiln did not write. */
export function readContexts(env: Env): Contexts {
  const path = contextsPath(env);
  if (!existsSync(path)) return { current: undefined, all: [] };
  const text = readPrivateFile(path, words).toString();
  try {
    const { current, contexts } = file.parse(JSON.parse(text));
    return { current, all: contexts };
  } catch (cause) {
    throw new KilnError("usage", `${path} is not in the form that Kiln writes.`, {
      hint: "Remove it, and log in again with `kiln login`.",
      cause,
    });
  }
}

export function writeContexts(env: Env, { current, all }: Contexts): void {
  const path = contextsPath(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const value = { ...(current === undefined ? {} : { current }), contexts: all };
  replacePrivateFile(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** In place of one of the same name. */
export function withContext({ current, all }: Contexts, saved: SavedContext): Contexts {
  return { current, all: [...all.filter(({ name }) => name !== saved.name), saved] };
}

/** The context that commands use: `KILN_CONTEXT`, or the current one. Undefined: this machine's own controller. Throws `context_unknown`. */
export function chosenContext(env: Env): SavedContext | undefined {
  const asked = env.KILN_CONTEXT;
  if (asked === localContext) return undefined;
  if (!asked && !existsSync(contextsPath(env))) return undefined;
  const contexts = readContexts(env);
  const name = asked || contexts.current;
  return name === undefined ? undefined : requireContext(contexts, name);
}

/** Throws `context_unknown`. */
export function requireContext({ all }: Contexts, name: string): SavedContext {
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  const meant = nearest(name, [localContext, ...all.map((one) => one.name)]);
  throw new KilnError("context_unknown", `There is no context ${name}.`, {
    hint:
      meant === undefined
        ? "`kiln context ls` lists them; `kiln login` makes one."
        : `Did you mean ${meant}?`,
  });
}
