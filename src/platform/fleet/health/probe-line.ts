import { connect, type Socket } from "node:net";
import { HttpAnswer } from "./http-answer.ts";

/** So much of a body is read, so that the server can write it in peace; then the connection is cut. */
const longestBody = 64 * 1024;

/** One buffer for all: libuv fills it and calls back before it reads for another socket. */
const sharedBuffer = Buffer.alloc(16 * 1024);

/** Statuses from here on are faults (RFC 9110 section 15), of which the beginning of the body is reported as well. */
const firstFault = 400;

/** What comes of one question; each is reported at most once, in this order. */
export interface Asker {
  readonly connected?: () => void;
  /** `opening`: the beginning of a fault's body, as far as it is there. */
  readonly status?: (status: number, opening: string) => void;
  /** The answer is whole: the line is idle and may be asked again. */
  readonly whole?: () => void;
  /** What was answered is not HTTP. */
  readonly foreign?: () => void;
  /** The connection has ended, for a fault or not. */
  readonly ended?: (error: NodeJS.ErrnoException | undefined) => void;
}

/** A connection to a server. One question at a time. */
export class ProbeLine {
  readonly #socket: Socket;
  #asker: Asker;
  #answer: HttpAnswer | undefined;
  #bytes = 0;
  #isTold = false;
  #error: NodeJS.ErrnoException | undefined;

  constructor(host: string, port: number, asker: Asker) {
    this.#asker = asker;
    const onread = { buffer: sharedBuffer, callback: (bytes: number) => this.#read(bytes) };
    this.#socket = connect({ host, port, onread });
    this.#socket.on("connect", () => this.#asker.connected?.());
    this.#socket.on("error", (error) => {
      this.#error = error;
    });
    this.#socket.on("close", () => {
      this.tell();
      this.#asker.ended?.(this.#error);
    });
  }

  ask(request: string, asker: Asker): void {
    this.#asker = asker;
    this.#answer = new HttpAnswer();
    this.#bytes = 0;
    this.#isTold = false;
    this.#socket.write(request);
  }

  /** Whether nothing is asked on it and it still stands. */
  get isIdle(): boolean {
    return this.#answer === undefined && !this.#socket.destroyed && this.#socket.writable;
  }

  /** The machine's own address on it, once it is connected. */
  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** The status, when it has come and is not reported yet: after a fault, its body is waited for. */
  tell(): void {
    const answer = this.#answer;
    const status = answer?.status;
    if (this.#isTold || answer === undefined || status === undefined) return;
    this.#isTold = true;
    this.#asker.status?.(status, status >= firstFault ? answer.opening : "");
  }

  /** False stops the reading. */
  #read(bytes: number): boolean {
    const answer = this.#answer;
    this.#bytes += bytes;
    // An answer without a request: it would be taken for the next answer.
    if (answer === undefined || this.#bytes > longestBody) {
      this.close();
      return false;
    }
    answer.read(sharedBuffer.toString("latin1", 0, bytes));
    if (answer.isForeign) this.#asker.foreign?.();
    const isFault = answer.status !== undefined && answer.status >= firstFault;
    if (!isFault || answer.opening !== "" || answer.isWhole) this.tell();
    if (answer.isWhole) {
      this.#answer = undefined;
      this.#asker.whole?.();
    }
    return true;
  }
}
