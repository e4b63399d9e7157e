import { createReadStream } from "node:fs";
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from "node:http";
import { pipeline } from "node:stream/promises";
import { KilnError } from "../../lib/errors.ts";
import { begunAnswer } from "../../lib/net/begun-answer.ts";
import { authoritiesFor } from "./authorities.ts";
import { isThisMachine } from "./reference.ts";

/** As an `import` it would load all that fetch() is made of, too. */
const http = process.getBuiltinModule("node:http");

/** A body that can be sent again: after a redirect, after a broken connection, with a new token. */
export type Body =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string; readonly length: number };

export interface RegistryRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** The body must not reach another host. */
  readonly isSecret?: boolean;
}

export interface RegistryAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Of the last request, after redirects. */
  readonly url: URL;
  readonly body: IncomingMessage;
}

/** How requests leave this process. */
export interface Line {
  /** A Unix socket in place of the network. */
  readonly socketPath?: string | undefined;
  /** In place of the usual certificates and credentials: the one authority that counts, and a token for every request. */
  readonly secure?: SecureLine | undefined;
  /** The caller's environment, for its proxies (`HTTPS_PROXY`, `NO_PROXY`). */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folders with a folder for each registry, `HOST:PORT`, whose `.crt` files it may be certified by. */
  readonly certificates?: readonly string[];
  /** How long nothing may move before the other end counts as gone. */
  readonly silenceMs?: number;
}

interface SecureLine {
  /** PEM */
  readonly ca: string;
  /** The name in its certificate. */
  readonly servername: string;
  readonly minVersion: "TLSv1.3";
  readonly token?: string;
}

export type Send = (asked: RegistryRequest, signal: AbortSignal) => Promise<RegistryAnswer>;

const mostRedirects = 5;
const usualSilenceMs = 30_000;

/**
 * One request, with redirects followed. `Authorization` goes only to the host that it was meant for, and what began with
 * TLS stays so. Throws `registry_unreachable`, which can be tried again, and `registry_failed` for a redirect that leads
 * elsewhere.
 */
export function createSend(line: Line): Send {
  const agents = new Map<string, InstanceType<typeof http.Agent>>();
  return async (asked, signal) => {
    let next = asked;
    for (let redirects = 0; ; redirects++) {
      const answer = await exchange(line, agents, next, signal);
      const target = redirectOf(answer);
      if (target === undefined) return answer;
      answer.body.destroy();
      if (redirects === mostRedirects) throw elsewhere(next.url, `after ${mostRedirects} other redirects`);
      next = redirected(next, answer, target);
    }
  };
}

function redirectOf({ status, headers }: RegistryAnswer): string | undefined {
  return [301, 302, 303, 307, 308].includes(status) ? headers.location : undefined;
}

/** RFC 9110 section 15.4: 307 and 308 keep method and body; the others are followed for reading only. */
function redirected(
  asked: RegistryRequest,
  { status, url }: RegistryAnswer,
  target: string,
): RegistryRequest {
  const reads = asked.method === "GET" || asked.method === "HEAD";
  if (!reads && status !== 307 && status !== 308) throw elsewhere(url, "in answer to an upload");
  const next = URL.canParse(target, url.href) ? new URL(target, url) : undefined;
  if (next === undefined) throw elsewhere(url, "to something that is not a URL");
  requireAsSafe(next, url);
  if (asked.isSecret && next.origin !== url.origin) throw elsewhere(url, "credentials to another host");
  const { authorization: _, ...others } = asked.headers ?? {};
  return { ...asked, url: next, headers: next.origin === url.origin ? (asked.headers ?? {}) : others };
}

/** Throws `registry_failed` for an address that a client of `from` must not follow. */
export function requireAsSafe(next: URL, from: URL): void {
  const plain = from.protocol === "http:" && next.protocol === "http:" && isThisMachine(next.host);
  if (next.protocol !== "https:" && !plain) throw elsewhere(from, `to a ${next.protocol} address`);
  if (next.username !== "" || next.password !== "") throw elsewhere(from, "to an address with credentials");
}

function elsewhere(from: URL, where: string): KilnError {
  return new KilnError("registry_failed", `${from.host} redirects ${where}, which Kiln does not follow.`, {
    hint: "Check the name of the registry, and what stands between it and this machine.",
  });
}

type Agents = Map<string, InstanceType<typeof http.Agent>>;

function exchange(
  line: Line,
  agents: Agents,
  asked: RegistryRequest,
  signal: AbortSignal,
): Promise<RegistryAnswer> {
  const { url, method, body } = asked;
  const secure = url.protocol === "https:";
  const { request } = secure ? process.getBuiltinModule("node:https") : http;
  return new Promise((resolve, reject) => {
    const options: RequestOptions = {
      ...{ method, signal, headers: { ...lengthOf(body), ...tokenOf(line), ...asked.headers } },
      ...(secure ? securityOf(line, url) : {}),
      ...(line.socketPath === undefined
        ? { agent: agentFor(line, agents, secure) }
        : { socketPath: line.socketPath, agent: false }),
    };
    const call = request(url, options);
    const silenceMs = line.silenceMs ?? usualSilenceMs;
    call.setTimeout(silenceMs, () => call.destroy(new Error(`nothing moved for ${silenceMs / 1000} s`)));
    begunAnswer(call).then(
      (message) => resolve({ status: message.statusCode ?? 0, headers: message.headers, url, body: message }),
      (error) => reject(signal.aborted ? cancelled() : unreachable(url, error)),
    );
    if (body?.kind === "file") {
      // a registry may answer, and close, before it has taken everything: then its answer counts
      pipeline(createReadStream(body.path, { highWaterMark: 1 << 18 }), call).catch(() => {});
    } else call.end(body?.bytes);
  });
}

function securityOf(line: Line, url: URL) {
  if (line.secure === undefined) return { ca: authoritiesFor(line, url.host) };
  const { ca, servername, minVersion } = line.secure;
  return { ca, servername, minVersion, rejectUnauthorized: true };
}

function tokenOf({ secure }: Line): Record<string, string> {
  return secure?.token === undefined ? {} : { authorization: `Bearer ${secure.token}` };
}

function lengthOf(body: Body | undefined): Record<string, string> {
  if (body === undefined) return {};
  return { "content-length": `${body.kind === "file" ? body.length : body.bytes.byteLength}` };
}

/** Connections are kept for the next request, one pool for each scheme. */
function agentFor({ env }: Line, agents: Agents, secure: boolean) {
  const key = secure ? "https" : "http";
  const { Agent } = secure ? process.getBuiltinModule("node:https") : http;
  const agent = agents.get(key) ?? new Agent({ keepAlive: true, proxyEnv: { ...env } });
  agents.set(key, agent);
  return agent;
}

function cancelled(): KilnError {
  return new KilnError("cancelled", "The transfer was cancelled.", { retry: true });
}

/** The system's or TLS's own words name the reason: an unknown host, a refused connection, an untrusted certificate. */
export function unreachable(url: URL, cause: unknown): KilnError {
  const { code = "", message = "" } = cause as { readonly code?: string; readonly message?: string };
  const isUnknown = code === "ENOTFOUND" || code === "EAI_AGAIN";
  const why = isUnknown ? "its name cannot be found" : message || code;
  return new KilnError("registry_unreachable", `The registry ${url.host} cannot be reached: ${why}.`, {
    hint: hintFor(code, url),
    retry: code !== "ENOTFOUND",
    cause,
  });
}

function hintFor(code: string, url: URL): string {
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return `If the registry is certified by your own authority, put its certificate into /etc/containers/certs.d/${url.host}/ca.crt.`;
  }
  if (/^(ERR_SSL|EPROTO)/.test(code)) {
    return `If the registry runs on this machine without TLS, write \`http://${url.host}/...\`.`;
  }
  return "Check the host and the network. Where a proxy is needed, set HTTPS_PROXY.";
}

const mostWordsBytes = 64 << 10;

/** A small body as it is. Throws `image_invalid` above `limit` bytes, `registry_unreachable` when it is cut off. */
export async function bytesOf({ body, url }: RegistryAnswer, limit = mostWordsBytes): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw unreachable(url, error);
  }
  if (length <= limit) return Buffer.concat(chunks);
  throw new KilnError("image_invalid", `${url.host} answers with more than ${limit} bytes; expected less.`, {
    hint: "This is not an image that Kiln can use. Check the name of the registry.",
  });
}
