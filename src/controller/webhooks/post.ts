import type { IncomingMessage } from "node:http";
import { KilnError } from "../../lib/errors.ts";
import { isLoopback } from "../../lib/loopback.ts";
import { isLinkLocal } from "../../lib/net/addresses.ts";
import { begunAnswer } from "../../lib/net/begun-answer.ts";
import { guarded, trustedAuthorities } from "../../lib/net/outbound.ts";
import { version } from "../../lib/version.ts";
/** One request to a receiver. */
export interface HttpCall {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Further ones, which may hold keys, as the URL does: no error shows what they hold. */
  readonly secretHeaders: Readonly<Record<string, string>>;
  /** Empty: none. */
  readonly body: string;
  /** Statuses besides 200 to 299 that count as success. */
  readonly accepts?: readonly number[];
}

export interface Answered {
  readonly status: number;
  /** Its beginning. */
  readonly said: string;
}

/** Sends it; resolves when the receiver has taken it. Throws `webhook_failed`. */
export type Post = (call: HttpCall, signal: AbortSignal) => Promise<Answered>;

/** As an `import` they would load all that fetch() is made of, too. */
const http = process.getBuiltinModule("node:http");
const https = process.getBuiltinModule("node:https");
const tls = process.getBuiltinModule("node:tls");

const deadlineMs = 10_000;
/** Of what a receiver answers, in characters: so much is read, and of a refusal, without what may be secret, so much is shown. */
const readLength = 100_000;
const shownLength = 300;

/**
 * Throws `usage` for what is never asked: anything but HTTPS, except on this machine, and addresses where clouds have their secrets.
 * What a name leads to is looked at with each request.
 */
export function requireReceiver(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
  if (url !== undefined && isSafe && !isLinkLocal(url.hostname) && url.username === "" && url.hash === "")
    return;
  const shown = url === undefined ? "What was given" : `The address at ${url.origin}`;
  throw new KilnError("usage", `${shown} is not one that a webhook can have.`, {
    hint: "Expected a URL such as https://hooks.example.com/kiln, without a password and without `#`; http:// on this machine alone, and no link-local address.",
  });
}

/** One request, no redirect, and ten seconds at most. */
export const post: Post = async (
  { method, url: text, headers, secretHeaders, body, accepts = [] },
  signal,
) => {
  const url = new URL(text);
  const isSecure = url.protocol === "https:";
  const within = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
  const options = {
    ...{ method, signal: within, lookup: guarded(true), agent: isSecure ? secureAgent() : undefined },
    headers: {
      ...secretHeaders,
      ...headers,
      ...{ "content-length": Buffer.byteLength(body), "user-agent": `kiln/${version}` },
    },
  };
  const asked = (isSecure ? https : http).request(url, options);
  const begun = begunAnswer(asked);
  asked.end(body);
  const answer = await begun.catch((error: Error & { readonly code?: string }) => {
    const isLate = within.aborted && !signal.aborted;
    const why = error.message || (error.code ?? "the connection failed"); // one error for several addresses has no message
    throw failed(url.origin, isLate ? `it did not answer within ${deadlineMs / 1000} s` : why);
  });
  const { statusCode = 0 } = answer;
  const said = await beginningOf(answer);
  if ((statusCode >= 200 && statusCode < 300) || accepts.includes(statusCode))
    return { status: statusCode, said };
  const shown = without([...partsOf(url), ...Object.values(secretHeaders).flatMap(wordsOf)], said).slice(
    0,
    shownLength,
  );
  throw failed(url.origin, `it answered ${statusCode}${shown === "" ? "" : `: ${shown}`}`);
};

/** The rest is not waited for: the status has said it all. */
async function beginningOf(answer: IncomingMessage): Promise<string> {
  let said = "";
  try {
    for await (const piece of answer.setEncoding("utf8")) {
      said += piece;
      if (said.length >= readLength) break;
    }
  } catch {
    // it broke off
  }
  return said;
}

/** After the host it may be a secret. */
function partsOf({ pathname, search }: URL): readonly string[] {
  const parts = [`${pathname}${search}`, pathname, search, ...pathname.split("/"), ...search.split(/[?&=]/)];
  return parts.flatMap((part) => [part, decoded(part)]);
}

/** `Bearer TOKEN`, and each word of it. */
function wordsOf(value: string): readonly string[] {
  return [value, ...value.split(" ")];
}

/** Receivers repeat what they were asked with. */
function without(secrets: readonly string[], said: string): string {
  return secrets.filter((part) => part.length >= 4).reduce((text, part) => text.replaceAll(part, "…"), said);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

let keptAgent: InstanceType<typeof https.Agent> | undefined;

/** With authorities as `ca` of each request, the agent would compare all of them to find a connection. */
function secureAgent(): InstanceType<typeof https.Agent> {
  keptAgent ??= new https.Agent({
    keepAlive: true,
    secureContext: tls.createSecureContext({ ca: trustedAuthorities() }),
  });
  return keptAgent;
}

function failed(origin: string, reason: string): KilnError {
  return new KilnError("webhook_failed", `${origin} did not take the message: ${reason}.`, {
    hint: "Kiln sends events again by itself; `kiln webhook ls` shows since when it fails.",
    retry: true,
  });
}
