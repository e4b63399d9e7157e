import { connect, type Socket, type TcpNetConnectOpts } from "node:net";
import { durationWords } from "./failure.ts";
import type { ProbeResult } from "./health.ts";
import type { Prober, ProbeTarget } from "./prober.ts";

/** More of an answer's head than this is not read to find its status. */
const longestHead = 4096;
/** So much of a body is read, so that the server can write it in peace; then the connection is cut. */
const longestBody = 64 * 1024;

/**
 * Probes over the network. A hundred servers are checked every second by a controller that is meant to rest, so an
 * HTTP check is a bare socket: it costs half of what node:http does.
 */
export const networkProber: Prober = {
  probe(target, signal) {
    if (target.check.kind === "alive") return Promise.resolve({ ok: true, words: "its process runs" });
    const { address, port } = target;
    if (address === undefined || port === undefined) {
      return Promise.resolve({ ok: false, words: "it has no address to be checked at" });
    }
    return new Promise((resolve) => new NetworkProbe(target, address, port, signal, resolve));
  },
};

/** One check on its way. */
class NetworkProbe {
  readonly #target: ProbeTarget;
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  readonly #resolve: (result: ProbeResult) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #end = () => this.#socket.destroy();
  #head = "";
  #bodyBytes = 0;
  #connected = false;
  #decided = false;

  constructor(
    target: ProbeTarget,
    host: string,
    port: number,
    signal: AbortSignal,
    resolve: (result: ProbeResult) => void,
  ) {
    this.#target = target;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#late(), target.timeoutMs);
    const onread = { buffer: sharedBuffer, callback: (bytes: number) => this.#read(bytes) };
    this.#socket = connect({ host, port, onread } satisfies TcpNetConnectOpts);
    this.#socket.on("connect", () => this.#connect());
    this.#socket.on("error", (error: NodeJS.ErrnoException) =>
      this.#decide(false, errorWords(error), isUnreached(error)),
    );
    this.#socket.on("close", () => this.#close());
    signal.addEventListener("abort", this.#end);
    if (signal.aborted) this.#end();
  }

  #connect(): void {
    this.#connected = true;
    const { from } = this.#target;
    if (from !== undefined && this.#socket.localAddress !== from) {
      this.#decide(false, "this machine sends packets for it elsewhere, and something there answers", true);
      this.#end();
      return;
    }
    if (this.#target.check.kind === "http") this.#socket.write(requestOf(this.#target));
    else {
      this.#decide(true, "connected");
      this.#socket.destroy();
    }
  }

  /** False stops the reading. */
  #read(bytes: number): boolean {
    if (this.#decided) {
      this.#bodyBytes += bytes;
      if (this.#bodyBytes > longestBody) this.#end();
      return this.#bodyBytes <= longestBody;
    }
    this.#head += sharedBuffer.toString("latin1", 0, bytes);
    const status = statusOf(this.#head);
    if (status !== undefined) this.#decide(status < 400, this.#words(`answered ${status}`));
    else if (!"HTTP/1.".startsWith(this.#head.slice(0, 7)) || this.#head.length > longestHead) {
      this.#decide(false, this.#words("answered something that is not HTTP"));
      this.#end();
    }
    return true;
  }

  #late(): void {
    const missing = this.#connected ? this.#words("had no answer") : "no connection";
    this.#decide(false, `${missing} within ${durationWords(this.#target.timeoutMs)}`, !this.#connected);
    this.#end();
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#end);
    const aborted = this.#signal.aborted;
    this.#decide(false, aborted ? "cancelled" : this.#words("was cut off without an answer"));
  }

  /** The first word counts; the timer goes on so that a body without end is cut off. */
  #decide(ok: boolean, words: string, unreached = false): void {
    if (this.#decided) return;
    this.#decided = true;
    this.#resolve({ ok, words, ...(unreached ? { unreached } : {}) });
  }

  #words(what: string): string {
    const { check } = this.#target;
    return check.kind === "http" ? `GET ${check.path} ${what}` : what;
  }
}

/** One buffer for all: libuv fills it and calls back before it reads for another socket. */
const sharedBuffer = Buffer.alloc(16 * 1024);

/** The final status of an HTTP/1 answer (RFC 9112 section 4), after any interim ones; undefined while it is not there. */
export function statusOf(head: string): number | undefined {
  const match = /^(?:HTTP\/1\.\d 1\d\d[\s\S]*?\r\n\r\n)*HTTP\/1\.\d ([2-9]\d\d)\b/.exec(head);
  return match ? Number(match[1]) : undefined;
}

function requestOf({ check, host, address = "", port }: ProbeTarget): string {
  const path = check.kind === "http" ? check.path : "/";
  const authority = host ?? `${address.includes(":") ? `[${address}]` : address}:${port}`;
  const safePath = path.replace(/[^!-~]/g, encodeURIComponent); // RFC 9112 section 3.2: visible ASCII only
  return `GET ${safePath} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: kiln-health\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

/** Refused is reached. */
function isUnreached({ code = "" }: NodeJS.ErrnoException): boolean {
  return ["EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EADDRNOTAVAIL"].includes(code);
}

function errorWords({ code, message }: NodeJS.ErrnoException): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: "connection refused",
    ECONNRESET: "connection reset",
    EHOSTUNREACH: "no route to it",
    ENETUNREACH: "no route to it",
    ETIMEDOUT: "no connection",
  };
  return (code === undefined ? undefined : words[code]) ?? message;
}
