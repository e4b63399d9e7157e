import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import type { ServerId } from "../../../domain/ids.ts";
import { askedWords, type GrpcCheck } from "../../../domain/spec/health-check.ts";
import { connectionFault } from "./connection-fault.ts";
import { durationWords } from "./failure.ts";
import { answerOf, type GrpcReply, requestFrame } from "./grpc-health.ts";
import type { ProbeResult } from "./health.ts";
import { authorityOf, hostOf, ownProxyHeader } from "./http-request.ts";
import type { Prober, ProbeTarget } from "./prober.ts";
import { secureFor } from "./secure.ts";

/** A connection is asked so often at most; then comes a new one, which the server has to accept. */
const asksPerSession = 4;

interface Kept {
  readonly signal: AbortSignal;
  session: ClientHttp2Session | undefined;
  asks: number;
}

/** Asks for `grpc.health.v1`, by HTTP/2. The connection is kept for a few checks. */
export function grpcProber(): Prober {
  const kept = new Map<ServerId, Kept>();

  function keptOf(id: ServerId, signal: AbortSignal): Kept {
    const known = kept.get(id);
    if (known?.signal === signal) return known;
    const fresh: Kept = { signal, session: undefined, asks: 0 };
    kept.set(id, fresh);
    signal.addEventListener("abort", () => {
      fresh.session?.destroy();
      if (kept.get(id) === fresh) kept.delete(id);
    });
    return fresh;
  }

  return {
    async probe(target, signal) {
      const { check } = target;
      if (check.kind !== "grpc") throw new Error(`A check by gRPC was expected; found ${check.kind}.`);
      return new GrpcProbe(target, check, keptOf(target.id, signal)).run();
    },
  };
}

/** What ends a check before its answer. */
class NoAnswer extends Error {}

/** One check on its way. */
class GrpcProbe {
  readonly #target: ProbeTarget;
  readonly #check: GrpcCheck;
  readonly #kept: Kept;
  /** Connections of this check, to be cut off with it. */
  readonly #sockets: Socket[] = [];
  #isReached = false;
  /** Its answer is no longer waited for. */
  #isOver = false;

  constructor(target: ProbeTarget, check: GrpcCheck, kept: Kept) {
    this.#target = target;
    this.#check = check;
    this.#kept = kept;
  }

  async run(): Promise<ProbeResult> {
    const { timeoutMs } = this.#target;
    const end = Promise.withResolvers<ProbeResult>();
    const late = () => {
      const missing = this.#isReached ? `${askedWords(this.#check)} had no answer` : "no connection";
      const words = `${missing} within ${durationWords(timeoutMs)}`;
      end.resolve({ ok: false, words, ...(this.#isReached ? {} : { unreached: true }) });
    };
    const cancelled = () => end.resolve({ ok: false, words: "cancelled" });
    const timer = setTimeout(late, timeoutMs);
    this.#kept.signal.addEventListener("abort", cancelled);
    const asked = this.#ask().then((result) => ({ result }));
    const first = await Promise.race([asked, end.promise.then((result) => ({ result, isCut: true }))]);
    clearTimeout(timer);
    this.#kept.signal.removeEventListener("abort", cancelled);
    if ("isCut" in first) this.#cut();
    return first.result;
  }

  /** Never rejects. */
  async #ask(): Promise<ProbeResult> {
    try {
      const kept = this.#kept.session;
      const isFree =
        kept !== undefined && !kept.closed && !kept.destroyed && this.#kept.asks < asksPerSession;
      // One that a server has closed meanwhile is not a failure by itself.
      const again = isFree ? await this.#askOn(kept).catch(() => undefined) : undefined;
      if (again === undefined && this.#isOver) throw new NoAnswer("cancelled");
      const reply = again ?? (await this.#askOn(await this.#connect()));
      return answerOf(this.#check, reply);
    } catch (error) {
      if (error instanceof NoAnswer) return { ok: false, words: error.message, unreached: true };
      const { words, unreached, refused } = connectionFault(error as NodeJS.ErrnoException);
      return { ok: false, words, ...(unreached ? { unreached } : {}), ...(refused ? { refused } : {}) };
    }
  }

  async #connect(): Promise<ClientHttp2Session> {
    const { check, target } = { check: this.#check, target: this.#target };
    const secure = check.tls && (await secureFor(check.tls, hostOf(target), ["h2"]));
    const socket = await this.#connectTcp();
    const stream = secure === undefined ? socket : secure(socket);
    const session = connect(`${secure === undefined ? "http" : "https"}://${authorityOf(target)}`, {
      createConnection: () => stream,
    });
    // Each question hears of it by itself.
    session.on("error", () => {});
    session.on("close", () => socket.destroy());
    this.#kept.session?.destroy();
    this.#kept.session = session;
    this.#kept.asks = 0;
    if (this.#isOver) this.#cut();
    return session;
  }

  #connectTcp(): Promise<Socket> {
    const { address = "", port = 0, from, expectsProxy } = this.#target;
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const socket = connectTcp({ host: address, port });
    this.#sockets.push(socket);
    socket.on("error", reject);
    socket.once("connect", () => {
      this.#isReached = true;
      if (from !== undefined && socket.localAddress !== from) {
        socket.destroy();
        reject(new NoAnswer("this machine sends packets for it elsewhere, and something there answers"));
        return;
      }
      if (expectsProxy) socket.write(ownProxyHeader, "latin1");
      resolve(socket);
    });
    return promise;
  }

  #askOn(session: ClientHttp2Session): Promise<GrpcReply> {
    this.#kept.asks += 1;
    const { promise, resolve, reject } = Promise.withResolvers<GrpcReply>();
    const cutOff = () => new Error(`${askedWords(this.#check)} was cut off without an answer`);
    const ended = (error?: Error) => reject(error ?? cutOff());
    session.once("error", ended);
    session.once("close", ended);
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      ":authority": authorityOf(this.#target),
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "kiln-health",
    });
    const reply: { -readonly [Key in keyof GrpcReply]: GrpcReply[Key] } = {
      headers: {},
      body: Buffer.alloc(0),
    };
    stream.on("response", (headers) => {
      reply.headers = { ...reply.headers, ...headers };
    });
    stream.on("trailers", (trailers) => {
      reply.headers = { ...reply.headers, ...trailers };
    });
    stream.on("data", (data: Buffer) => {
      reply.body = Buffer.concat([reply.body, data]);
      if (reply.body.length > 64 * 1024) stream.destroy();
    });
    stream.on("error", reject);
    stream.on("close", () => (reply.headers[":status"] === undefined ? reject(cutOff()) : resolve(reply)));
    stream.end(requestFrame(this.#check.service));
    return promise.finally(() => {
      session.off("error", ended);
      session.off("close", ended);
    });
  }

  /** Closes what a check has opened, once its answer is no longer waited for. */
  #cut(): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#kept.session?.destroy();
    this.#kept.session = undefined;
  }
}
