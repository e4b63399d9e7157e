import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { KilnError } from "../../lib/errors.ts";
import { cleanEnvironment } from "../../lib/process/environment.ts";
import type { DnsHook } from "./dns-hook.ts";

/** What the authority is asked for. */
export interface Order {
  /** RFC 8555, section 7.1.1. */
  readonly directory: string;
  /** For messages of the authority; absent: it knows none. */
  readonly email?: string | undefined;
  /** PEM. */
  readonly accountKey: string;
  readonly hosts: readonly string[];
  /** What adds records to the DNS; absent: the authority asks for a page (HTTP-01). */
  readonly hook?: DnsHook | undefined;
  /** Certificates in PEM form that the authority's own may come from, besides the usual ones. */
  readonly authority?: string | undefined;
}

export type OrderMessage = { readonly order: Order } | { readonly placeholder: readonly string[] };

/** The chain and the new key, one after the other in PEM form; or what went wrong. */
export type OrderAnswer = { readonly pem: string } | { readonly error: string };

const worker = fileURLToPath(new URL("order-worker.ts", import.meta.url));
const limitMs = 5 * 60_000;

/**
 * Orders a certificate and waits for it. The client library runs in a process of its own: it takes 30 MB, once in two months.
 * Throws `certificate_invalid` with the authority's words.
 */
export function order(order: Order): Promise<string> {
  return ask({ order }, AbortSignal.timeout(limitMs));
}

/** A certificate that signs itself, valid for ten years: with it a port can be opened before the authority has answered. */
export function placeholder(hosts: readonly string[], signal: AbortSignal): Promise<string> {
  return ask({ placeholder: hosts }, AbortSignal.any([signal, AbortSignal.timeout(limitMs)]));
}

async function ask(message: OrderMessage, limit: AbortSignal): Promise<string> {
  const child = fork(worker, {
    env: cleanEnvironment,
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  // A controller that ends does not wait for it; it ends with its controller.
  child.unref();
  child.channel?.unref();
  try {
    child.send(message);
    const answer = await Promise.race([
      once(child, "message", { signal: limit }).then(([answer]) => answer as OrderAnswer),
      once(child, "exit", { signal: limit }).then(
        ([code]): OrderAnswer => ({ error: `it ended with ${code ?? "a signal"}` }),
      ),
    ]);
    if ("pem" in answer) return answer.pem;
    throw failed(answer.error);
  } catch (error) {
    throw limit.aborted ? failed(`no answer within ${limitMs / 60_000} minutes`) : error;
  } finally {
    child.kill("SIGKILL");
  }
}

const longestReason = 400;

/** The words are the authority's: one line of them. */
function failed(why: string): KilnError {
  const words = why
    .replaceAll(/[\p{C}\s]+/gu, " ")
    .trim()
    .slice(0, longestReason)
    .replace(/[.:]+$/, "");
  return new KilnError("certificate_invalid", `The authority did not issue the certificate: ${words}.`);
}
