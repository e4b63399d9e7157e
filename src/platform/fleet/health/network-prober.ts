import type { ServerId } from "../../../domain/ids.ts";
import { askedWords, type HttpCheck } from "../../../domain/spec/health-check.ts";
import { connectionFault, type Fault } from "./connection-fault.ts";
import { durationWords } from "./failure.ts";
import type { ProbeResult } from "./health.ts";
import { hostOf, ownProxyHeader, requestOf } from "./http-request.ts";
import { ProbeLine, type ProbeListener, type ProbeVerdict } from "./probe-line.ts";
import type { Prober, ProbeTarget } from "./prober.ts";
import { type Secure, secureFor } from "./secure.ts";

/** A connection is asked so often at most; then comes a new one, which the server has to accept. */
const asksPerLine = 4;
/** A server that does not answer a new connection so fast while another one is idle may wait for the idle one. */
const besideMs = 250;
/** So many checks long no connection is kept to it then; twice as many each time, since it may only have had much to do. */
const rest = { first: 30, most: 3_600 };

/**
 * Probes over the network. A hundred servers are checked every second by a controller that is meant to rest: an HTTP
 * check is a bare socket (half of what node:http costs), and three of four are asked on the connection of the one before,
 * which costs a quarter of a new one. No connection is kept to a server that has not answered on a new one while another
 * was idle: some serve one connection at a time. A connection that ends is not a failure by itself: the server is asked again on a new one.
 */
export function networkProber(): Prober {
  const kept = new Map<ServerId, Kept>();

  /** What is kept of a server ends with the checks of it: each check of its own need not listen for that. */
  function keptOf(target: ProbeTarget, signal: AbortSignal): Kept {
    const known = kept.get(target.id);
    if (known !== undefined && known.signal === signal) return known;
    const fresh: Kept = {
      asking: new Set(),
      signal,
      line: undefined,
      asks: 0,
      isProven: false,
      isTried: false,
      secure: undefined,
      rests: 0,
      nextRest: rest.first,
    };
    kept.set(target.id, fresh);
    signal.addEventListener("abort", () => {
      for (const probe of fresh.asking) probe.cancel();
      fresh.line?.close();
      if (kept.get(target.id) === fresh) kept.delete(target.id);
    });
    return fresh;
  }

  let grpc: Promise<Prober> | undefined;

  return {
    async probe(target, signal) {
      const { check, address, port } = target;
      if (check.kind === "alive") return { ok: true, words: "its process runs" };
      if (address === undefined || port === undefined)
        return { ok: false, words: "it has no address to be checked at" };
      if (signal.aborted) return { ok: false, words: "cancelled" };
      if (check.kind === "grpc") {
        // HTTP/2 takes memory, and few services need it.
        grpc ??= import("./grpc-prober.ts").then(({ grpcProber }) => grpcProber());
        return (await grpc).probe(target, signal);
      }
      const known = keptOf(target, signal);
      if (known.rests > 0) known.rests -= 1;
      known.isTried = false;
      if (check.kind === "http" && check.tls !== undefined)
        known.secure ??= await secureFor(check.tls, hostOf(target));
      if (signal.aborted) return { ok: false, words: "cancelled" };
      return new Probe(target, { address, port }, known).result;
    },
  };
}

/** The connection to a server that is asked again. */
interface Kept {
  /** Ends all checks of the server. */
  readonly signal: AbortSignal;
  /** The checks on their way. */
  readonly asking: Set<Probe>;
  line: ProbeLine | undefined;
  asks: number;
  /** It has answered on a new connection while another one was idle. */
  isProven: boolean;
  /** A second connection was tried since the last check: one that closes every connection would be asked forever. */
  isTried: boolean;
  /** It has not: for so many checks none is kept to it. */
  rests: number;
  nextRest: number;
  /** Absent: it speaks in plain. */
  secure: Secure | undefined;
}

interface Place {
  readonly address: string;
  readonly port: number;
}

/** One check on its way. */
class Probe {
  readonly result: Promise<ProbeResult>;
  readonly #target: ProbeTarget;
  readonly #at: Place;
  readonly #kept: Kept;
  readonly #resolve: (result: ProbeResult) => void;
  readonly #timers: NodeJS.Timeout[];
  #line: ProbeLine | undefined;
  #decided = false;

  constructor(target: ProbeTarget, at: Place, kept: Kept) {
    const { promise, resolve } = Promise.withResolvers<ProbeResult>();
    this.result = promise;
    this.#resolve = resolve;
    this.#target = target;
    this.#at = at;
    this.#kept = kept;
    this.#timers = [setTimeout(() => this.#late(), target.timeoutMs)];
    kept.asking.add(this);
    const { check } = target;
    const isFree = kept.isProven && kept.asks < asksPerLine && kept.line?.isIdle;
    if (check.kind === "http" && kept.line !== undefined && isFree) this.#askAgain(kept.line, check);
    else this.#askAnew();
  }

  /** The server is no longer to be checked. */
  cancel(): void {
    this.#decide(false, "cancelled");
    this.#line?.close();
  }

  /** On the connection of the check before. */
  #askAgain(line: ProbeLine, check: HttpCheck): void {
    this.#line = line;
    let isAnswered = false;
    line.ask(requestOf(this.#target, check, true), check, {
      ...this.#hears(line),
      verdict: (verdict) => {
        isAnswered = true;
        this.#judge(verdict);
      },
      ended: () => {
        if (isAnswered || this.#decided) return this.#finish();
        this.#askAnew();
      },
    });
  }

  #askAnew(): void {
    const kept = this.#kept;
    if (kept.line?.isIdle) this.#timers.push(setTimeout(() => this.#giveUp(kept), besideMs));
    const ended = (error: NodeJS.ErrnoException | undefined) => {
      if (error) this.#fail(connectionFault(error));
      else this.#decide(false, this.#words("was cut off without an answer"));
      this.#finish();
    };
    const { check, expectsProxy } = this.#target;
    const introduction = expectsProxy && check.kind === "http" ? ownProxyHeader : "";
    const line = new ProbeLine(
      { host: this.#at.address, port: this.#at.port, introduction, secure: kept.secure },
      { ended, connected: () => this.#connect(line, ended) },
    );
    this.#line = line;
  }

  #connect(line: ProbeLine, ended: NonNullable<ProbeListener["ended"]>): void {
    const { from, check } = this.#target;
    if (from !== undefined && line.localAddress !== from) {
      this.#decide(false, "this machine sends packets for it elsewhere, and something there answers", {
        unreached: true,
      });
    } else if (check.kind === "http") {
      line.ask(requestOf(this.#target, check, this.#kept.rests === 0), check, this.#hears(line, ended));
      return;
    } else this.#decide(true, "connected");
    line.close();
  }

  #hears(line: ProbeLine, ended: NonNullable<ProbeListener["ended"]> = () => this.#finish()): ProbeListener {
    return {
      verdict: (verdict) => this.#judge(verdict),
      whole: () => this.#whole(line),
      foreign: () => {
        this.#decide(false, this.#words("answered something that is not HTTP"));
        line.close();
      },
      ended,
    };
  }

  #judge({ ok, words }: ProbeVerdict): void {
    this.#decide(ok, this.#words(words));
  }

  #fail({ words, ...fault }: Fault): void {
    this.#decide(false, words, fault);
  }

  /** All is answered, and the server would take another request on this line. */
  #whole(line: ProbeLine): void {
    this.#finish();
    const kept = this.#kept;
    if (kept.rests > 0 || kept.signal.aborted) line.close();
    else if (kept.line === line) kept.asks += 1;
    else this.#keep(kept, line);
  }

  #keep(kept: Kept, line: ProbeLine): void {
    // The other one was idle all the while: this server serves more than one connection at a time.
    const hadOther = kept.line?.isIdle === true;
    kept.line?.close();
    kept.isProven = hadOther;
    kept.line = line;
    kept.asks = 1;
    if (hadOther || kept.isTried) return;
    kept.isTried = true;
    new Probe(this.#target, this.#at, kept);
  }

  /** It may be that the idle connection is all that this server waits for. */
  #giveUp(kept: Kept): void {
    kept.rests = kept.nextRest;
    kept.nextRest = Math.min(rest.most, 2 * kept.nextRest);
    kept.isProven = false;
    kept.line?.close();
    kept.line = undefined;
  }

  #late(): void {
    this.#line?.tell();
    const isReached = this.#line?.isReached === true;
    const missing = isReached ? this.#words("had no answer") : "no connection";
    this.#decide(false, `${missing} within ${durationWords(this.#target.timeoutMs)}`, {
      unreached: !isReached,
    });
    this.#line?.close();
  }

  #finish(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#kept.asking.delete(this);
  }

  /** The first verdict counts; the timer keeps running so that a body without end is cut off. */
  #decide(ok: boolean, words: string, { unreached, refused }: Omit<Fault, "words"> = {}): void {
    if (this.#decided) return;
    this.#decided = true;
    this.#resolve({ ok, words, ...(unreached ? { unreached } : {}), ...(refused ? { refused } : {}) });
  }

  #words(what: string): string {
    const { check } = this.#target;
    return check.kind === "http" ? `${askedWords(check)} ${what}` : what;
  }
}
