import { loginText, parseLoginText } from "../../../domain/access/login-text.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { readValue } from "../../input/read-value.ts";
import {
  localContext,
  readContexts,
  requireContext,
  withContext,
  writeContexts,
} from "../../remote/contexts.ts";
import { fetchAuthority } from "../../remote/pinned.ts";
import { accessLines } from "./lines.ts";

interface LoginOptions {
  readonly name?: string;
}

/** The controller is known by its pin before the invite is sent to it. */
export async function login(context: Context, { name }: LoginOptions, given: string): Outcome {
  const { env, output, clock } = context;
  const text = given === "-" ? await readLogin(context) : given;
  const parsed = parseLoginText(text);
  if (parsed === undefined) throw notALogin();
  const { address, pin, invite } = parsed;
  if (invite === undefined) throw noInvite(loginText({ address, pin, invite: undefined }));
  const contextName = checkedName(name ?? address.replace(/:\d+$/, "").replaceAll(/[[\]]/g, ""));
  const contexts = readContexts(env); // before the invite is used up
  const authority = await fetchAuthority(address, pin);
  const { createClient } = await import("../../../api/client/client.ts");
  const token = await createClient({ address, authority, token: undefined }).login({ invite });
  const saved = {
    ...{ name: contextName, address, authority, token: token.token, identity: token.name },
    expiresAtMs: token.expiresAtMs,
  };
  writeContexts(env, { ...withContext(contexts, saved), current: contextName });
  const { token: _, ...shown } = token;
  output.result({ context: contextName, address, ...shown }, [
    `Logged in to ${address} as ${token.name}. Commands use this controller from now on (context ${contextName}).`,
    ...accessLines(token, clock.now()),
    "  `kiln context use local` goes back to this machine's own controller.",
  ]);
  return 0;
}

async function readLogin({ stdin, output }: Context): Promise<string> {
  const prompt = (text: string) => output.prompt(text);
  return (await readValue(stdin(), { keepNewline: false, prompt, what: "the login" })).toString();
}

function checkedName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}$/.test(name) && name !== localContext) return name;
  throw new KilnError("usage", `${name} cannot be the name of a context.`, {
    hint: "Expected letters, digits, dots and hyphens, and not `local`: --name production",
  });
}

/** The new token is on the disk before the old one is given up. */
export async function rotate(context: Context, { reason }: { readonly reason?: string }): Outcome {
  const { env, output, clock } = context;
  const remote = await context.remote();
  const client = await context.connect();
  const made = await client.rotateToken({ reason });
  const contexts = readContexts(env);
  const name = remote !== undefined && "name" in remote ? String(remote.name) : "";
  const before = requireContext(contexts, name);
  const saved = { ...before, token: made.token, expiresAtMs: made.expiresAtMs };
  writeContexts(env, withContext(contexts, saved));
  const { token: _, ...shown } = made;
  output.result({ context: name, ...shown }, [
    `The context ${name} has a new token. The old one, if there is a copy of it elsewhere, ends in a day.`,
    ...accessLines(made, clock.now()),
  ]);
  return 0;
}

function notALogin(): KilnError {
  return new KilnError("usage", "This is not what `kiln access invite` prints.", {
    hint: "Expected kiln1.ADDRESS.PIN.INVITE, in one piece.",
  });
}

function noInvite(text: string): KilnError {
  return new KilnError("usage", "There is no invite in this login.", {
    hint: `Expected kiln1.ADDRESS.PIN.INVITE, as \`kiln access invite\` prints it. In a pipeline, set KILN_CONTROLLER=${text} instead.`,
  });
}
