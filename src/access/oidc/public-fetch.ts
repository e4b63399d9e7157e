import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { isLoopback } from "../../lib/loopback.ts";
import { isLinkLocal, isPublic } from "../../lib/net/addresses.ts";
import { begunAnswer } from "../../lib/net/begun-answer.ts";
import { guarded, trustedAuthorities } from "../../lib/net/outbound.ts";

const limitMs = 5_000;
const mostBytes = 256 * 1024;

/** Why this URL is not asked; undefined when it may be. Names are looked up when they are asked. */
export function whyNotAsked(text: string, isPrivate: boolean): string | undefined {
  if (!URL.canParse(text)) return "it is not a URL";
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== "" || password !== "") return "it has a user name or a password";
  if (isLinkLocal(hostname)) return "its address is link-local";
  if (protocol !== "https:" && !(protocol === "http:" && isPrivate && isLoopback(hostname)))
    return "it is not https";
  if (isPrivate) return undefined;
  if (isLoopback(hostname) || (isAddress(hostname) && !isPublic(hostname))) return "its address is private";
  return undefined;
}

/**
 * What is at the URL, as text: without redirects, 256 KiB and 5 s at most, and, unless `isPrivate`, only from public addresses, whatever the name
 * leads to. Rejects with a plain Error whose message continues a sentence.
 */
export async function fetchText(url: string, isPrivate: boolean): Promise<string> {
  const why = whyNotAsked(url, isPrivate);
  if (why !== undefined) throw new Error(`${why}: ${url}`);
  const signal = AbortSignal.timeout(limitMs);
  try {
    const answer = await get(url, signal, isPrivate);
    return await bodyOf(answer);
  } catch (error) {
    throw signal.aborted ? new Error(`nothing came within ${limitMs / 1_000} s`) : error;
  }
}

function get(url: string, signal: AbortSignal, isPrivate: boolean): Promise<IncomingMessage> {
  const isSecure = new URL(url).protocol === "https:";
  const { request } = process.getBuiltinModule(isSecure ? "node:https" : "node:http");
  const options = {
    ...{ signal, agent: false, headers: { accept: "application/json" } },
    ...{ ca: trustedAuthorities(), lookup: guarded(isPrivate) },
  };
  const call = request(url, options);
  const answer = begunAnswer(call);
  call.end();
  return answer;
}

async function bodyOf(answer: IncomingMessage): Promise<string> {
  try {
    if (answer.statusCode !== 200) throw new Error(`the answer has status ${answer.statusCode}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of answer) {
      bytes += chunk.length;
      if (bytes > mostBytes) throw new Error(`the answer has more than ${mostBytes / 1024} KiB`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  } finally {
    answer.destroy();
  }
}

function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
}
