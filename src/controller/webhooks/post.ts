import { KilnError } from "../../lib/errors.ts";
import { isLoopback } from "../../lib/loopback.ts";
import { isLinkLocal } from "../../lib/net/addresses.ts";
import { guarded, trustedAuthorities } from "../../lib/net/outbound.ts";
import { version } from "../../lib/version.ts";
import type { Message } from "./message.ts";

/** Sends it; resolves when the receiver has taken it. Throws `webhook_failed`. */
export type Post = (url: string, message: Message, signal: AbortSignal) => Promise<void>;

/** As an `import` they would load all that fetch() is made of, too. */
const http = process.getBuiltinModule("node:http");
const https = process.getBuiltinModule("node:https");
const tls = process.getBuiltinModule("node:tls");

const deadlineMs = 10_000;
/** Of what a receiver answers when it refuses. */
const shownBytes = 300;

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
export const post: Post = (url, { headers, body }, signal) =>
  new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(failed(new URL(url).origin, reason));
    const isSecure = url.startsWith("https:");
    const module = isSecure ? https : http;
    const within = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    const options = {
      ...{
        method: "POST",
        signal: within,
        lookup: guarded(true),
        agent: isSecure ? secureAgent() : undefined,
      },
      headers: { ...headers, "content-length": Buffer.byteLength(body), "user-agent": `kiln/${version}` },
    };
    const asked = module.request(url, options, (answer) => {
      const { statusCode = 0 } = answer;
      let said = "";
      answer.setEncoding("utf8");
      answer.on("data", (piece: string) => {
        said = said.length < shownBytes ? said + piece : said;
        if (statusCode >= 300 && said.length >= shownBytes) answer.destroy();
      });
      answer.on("error", () => {});
      answer.on("close", () => {
        if (statusCode >= 200 && statusCode < 300) resolve();
        else fail(`it answered ${statusCode}${said === "" ? "" : `: ${said.slice(0, shownBytes)}`}`);
      });
    });
    asked.on("error", (error) => {
      const isLate = within.aborted && !signal.aborted;
      fail(isLate ? `it did not answer within ${deadlineMs / 1000} s` : error.message);
    });
    asked.end(body);
  });

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
