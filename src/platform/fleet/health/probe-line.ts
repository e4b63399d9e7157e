import { connect, type Socket } from "node:net";
import { type HttpCheck, passes } from "../../../domain/spec/health-check.ts";
import { HttpAnswer, longestBody } from "./http-answer.ts";
import type { Secure } from "./secure.ts";

/** One buffer for all: libuv fills it and calls back before it reads for another socket. */
const sharedBuffer = Buffer.alloc(16 * 1024);

/** An answer as far as it decides a check. */
export interface ProbeVerdict {
  readonly ok: boolean;
  /** What was answered, as the end of a sentence: `answered 500: out of order`. */
  readonly words: string;
}

/** What comes of one question; each is reported at most once, in this order. */
export interface ProbeListener {
  readonly connected?: () => void;
  readonly verdict?: (verdict: ProbeVerdict) => void;
  /** The answer is whole: the line is idle and may be asked again. */
  readonly whole?: () => void;
  /** What was answered is not HTTP. */
  readonly foreign?: () => void;
  /** The connection has ended, for a fault or not. */
  readonly ended?: (error: NodeJS.ErrnoException | undefined) => void;
}

/** How a line is opened. */
export interface LineOptions {
  readonly host: string;
  readonly port: number;
  /** Sent before everything else. */
  readonly introduction: string;
  /** Absent: in plain. */
  readonly secure?: Secure | undefined;
}

/** A connection to a server. One question at a time. */
export class ProbeLine {
  readonly #socket: Socket;
  /** Where questions are written: the socket itself, or TLS on it. */
  #stream: Socket;
  #asker: ProbeListener;
  #check: HttpCheck | undefined;
  #answer: HttpAnswer | undefined;
  #bytes = 0;
  /** How many there were when the body was last searched. */
  #searchedBytes = 0;
  #isTold = false;
  #isReached = false;
  #error: NodeJS.ErrnoException | undefined;

  constructor({ host, port, introduction, secure }: LineOptions, asker: ProbeListener) {
    this.#asker = asker;
    const onread = {
      buffer: sharedBuffer,
      callback: (bytes: number) => this.#read(sharedBuffer.toString("latin1", 0, bytes)),
    };
    this.#socket = connect({ host, port, ...(secure === undefined ? { onread } : {}) });
    this.#stream = this.#socket;
    this.#socket.on("connect", () => {
      this.#isReached = true;
      this.#introduce(introduction);
      if (secure === undefined) this.#asker.connected?.();
      else this.#secure(secure(this.#socket));
    });
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", () => {
      this.tell();
      this.#asker.ended?.(this.#error);
    });
  }

  ask(request: string, check: HttpCheck, asker: ProbeListener): void {
    this.#asker = asker;
    this.#check = check;
    this.#answer = new HttpAnswer(check.method, check.body !== undefined);
    this.#bytes = 0;
    this.#searchedBytes = 0;
    this.#isTold = false;
    this.#stream.write(request);
  }

  /** Whether nothing is asked on it and it still stands. */
  get isIdle(): boolean {
    return this.#answer === undefined && !this.#stream.destroyed && this.#stream.writable;
  }

  /** Whether it was connected, though perhaps not for TLS yet. */
  get isReached(): boolean {
    return this.#isReached;
  }

  /** The machine's own address on it, once it is connected. */
  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  close(): void {
    this.#stream.destroy();
    this.#socket.destroy();
  }

  /** The verdict on what has come, when it is not reported yet: after a fault, its body is waited for. */
  tell(): void {
    const status = this.#answer?.status;
    if (this.#isTold || this.#answer === undefined || this.#check === undefined || status === undefined)
      return;
    this.#isTold = true;
    this.#asker.verdict?.(verdictOf(this.#check, status, this.#answer));
  }

  /** In one packet with what follows. */
  #introduce(introduction: string): void {
    if (introduction === "") return;
    this.#socket.cork();
    this.#socket.write(introduction, "latin1");
    process.nextTick(() => this.#socket.uncork());
  }

  #secure(stream: Socket): void {
    this.#stream = stream;
    stream.on("secureConnect", () => this.#asker.connected?.());
    stream.on("error", (error) => {
      this.#fail(error);
      this.#socket.destroy();
    });
    stream.on("data", (data) => this.#read(data.toString("latin1")));
    stream.on("close", () => this.#socket.destroy());
  }

  /**
   * A body is searched again once it has doubled, and when it is whole: a server that sends it byte by byte costs no more than
   * another.
   */
  #isWorthALook(answer: HttpAnswer): boolean {
    if (this.#check?.body === undefined || answer.isWhole) return true;
    if (this.#bytes < 2 * this.#searchedBytes) return false;
    this.#searchedBytes = this.#bytes;
    return true;
  }

  #fail(error: Error): void {
    this.#error ??= error;
  }

  /** False stops the reading. */
  #read(text: string): boolean {
    const answer = this.#answer;
    this.#bytes += text.length;
    // An answer without a request: it would be taken for the next answer.
    if (answer === undefined || this.#bytes > longestBody) {
      this.close();
      return false;
    }
    answer.read(text);
    if (answer.isForeign) this.#asker.foreign?.();
    if (this.#check !== undefined && this.#isWorthALook(answer) && isDecided(this.#check, answer))
      this.tell();
    if (answer.isWhole) {
      this.#answer = undefined;
      this.#asker.whole?.();
    }
    return true;
  }
}

/** Whether the rest of the answer can change neither the verdict nor its words. */
function isDecided(check: HttpCheck, answer: HttpAnswer): boolean {
  if (answer.status === undefined) return false;
  if (answer.isWhole) return true;
  if (!passes(check, answer.status)) return answer.opening !== "";
  return check.body === undefined || answer.contains(check.body);
}

/** Of an answer that does not pass, the beginning of its body is reported as well. */
function verdictOf(check: HttpCheck, status: number, answer: HttpAnswer): ProbeVerdict {
  const isMissing = check.body !== undefined && !answer.contains(check.body);
  const words = `answered ${status}`;
  if (passes(check, status) && !isMissing) return { ok: true, words };
  const found = answer.opening === "" ? "" : `: ${answer.opening}`;
  if (!passes(check, status)) return { ok: false, words: `${words}${found}` };
  return { ok: false, words: `${words}, but its body has no ${JSON.stringify(check.body)}${found}` };
}
