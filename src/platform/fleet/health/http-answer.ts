/** More of an answer's heads, interim ones among them, than this is not read to find its status. */
const longestHead = 4096;
/** So many bytes of a body are kept, to be shown. */
const longestOpening = 512;
/** So much of a body is kept that has to contain something. */
export const longestBody = 64 * 1024;

/** The status that a head of an HTTP/1 answer begins with (RFC 9112 section 4); undefined while it is not there. */
export function statusOf(head: string): number | undefined {
  const match = /^HTTP\/1\.\d ([1-9]\d\d)\b/.exec(head);
  return match ? Number(match[1]) : undefined;
}

/** An HTTP/1 answer as it comes in: its status as soon as that is there, and where it ends. */
export class HttpAnswer {
  readonly #method: string;
  readonly #keptBytes: number;
  /** What is there of the present head: interim ones are dropped once they are whole. */
  #head = "";
  #headBytes = 0;
  #status: number | undefined;
  /** Bytes of the body that are still to come, or how else it ends; undefined before the head is whole. */
  #left: number | "last chunk" | "close" | undefined;
  #tail = "";
  #opening = "";

  /** `method`: what was asked for. `isSearched`: all of its body is kept, rather than its beginning. */
  constructor(method = "GET", isSearched = false) {
    this.#method = method;
    this.#keptBytes = isSearched ? longestBody : longestOpening;
  }

  get status(): number | undefined {
    return this.#status;
  }

  /** The beginning of the body as far as it is there, in words: of a page of HTML its text, on one line; at most 120 characters. */
  get opening(): string {
    const body =
      this.#left === "last chunk"
        ? this.#opening.replace(chunkSize, "").replace(lastChunk, "")
        : this.#opening;
    return wordsOf(Buffer.from(body, "latin1").toString("utf8"));
  }

  /** Whether this is in the body, as far as that is kept and there. */
  contains(text: string): boolean {
    const body = this.#left === "last chunk" ? withoutChunks(this.#opening) : this.#opening;
    return body.includes(Buffer.from(text).toString("latin1"));
  }

  /** Whether what came cannot be the beginning of an HTTP/1 answer, or is longer than any that is read. */
  get isForeign(): boolean {
    if (this.#status !== undefined) return false;
    return !"HTTP/1.".startsWith(this.#head.slice(0, 7)) || this.#headBytes > longestHead;
  }

  /** Whether all of it is there, and the server takes another request on the same connection (RFC 9112 section 9.3). */
  get isWhole(): boolean {
    return this.#left === 0 || (this.#left === "last chunk" && this.#tail.endsWith("0\r\n\r\n"));
  }

  /** The next bytes, as latin1. */
  read(text: string): void {
    if (this.#left === undefined) this.#readHead(text);
    else this.#readBody(text);
  }

  #readHead(text: string): void {
    this.#head += text;
    this.#headBytes += text.length;
    this.#dropInterim();
    const status = statusOf(this.#head);
    if (status === undefined || isInterim(status)) return;
    this.#status = status;
    if (this.#headBytes > longestHead) this.#left = "close";
    const end = this.#head.indexOf(headEnd);
    if (end < 0) return;
    const body = this.#head.slice(end + headEnd.length);
    this.#left = bodyEnd(this.#method, status, this.#head.slice(0, end));
    this.#head = "";
    this.#readBody(body);
  }

  /** One after the other: a server may send as many as it likes. */
  #dropInterim(): void {
    for (let at = 0; ; ) {
      const status = statusOf(this.#head.slice(at, at + 16));
      const end = status !== undefined && isInterim(status) ? this.#head.indexOf(headEnd, at) : -1;
      if (end < 0) {
        this.#head = this.#head.slice(at);
        return;
      }
      at = end + headEnd.length;
    }
  }

  #readBody(text: string): void {
    if (this.#opening.length < this.#keptBytes) this.#opening += text.slice(0, this.#keptBytes);
    if (typeof this.#left === "number")
      this.#left = text.length > this.#left ? "close" : this.#left - text.length;
    else if (this.#left === "last chunk") this.#tail = (this.#tail + text).slice(-5);
  }
}

/** The first line of a body in chunks (RFC 9112 section 7.1). */
const chunkSize = /^[0-9a-f]+[^\r\n]*(\r\n?|$)/i;
const lastChunk = /\r\n0\r\n\r\n$/;
const mostWords = 120;

/** What a server answers is shown on terminals: nothing of it but text is left. */
function wordsOf(body: string): string {
  const text = body
    .replace(/<(style|script|head)\b[\s\S]*?(<\/\1>|$)/gi, " ")
    .replace(/<[^>]*(>|$)/g, " ")
    .replace(/[\p{C}\p{Z}\ufffd]+/gu, " ")
    .trim();
  return text.length > mostWords ? `${text.slice(0, mostWords - 1)}…` : text;
}

/** The content of a body in chunks, as far as it is there (RFC 9112 section 7.1). */
function withoutChunks(body: string): string {
  const parts: string[] = [];
  for (let at = 0; ; ) {
    const line = /[0-9a-f]{1,8}[^\r\n]*\r\n/iy;
    line.lastIndex = at;
    const size = Number.parseInt(line.exec(body)?.[0] ?? "0", 16);
    if (size === 0) return parts.join("");
    parts.push(body.slice(line.lastIndex, line.lastIndex + size));
    at = line.lastIndex + size + 2;
  }
}

const headEnd = "\r\n\r\n";

/** RFC 9110 section 15.2. */
function isInterim(status: number): boolean {
  return status < 200;
}

/** Each takes its line whole: blanks are cut off afterwards, so that no pattern tries where they could end. */
const fields = {
  connection: /^connection:([^\r\n]*)/im,
  transferEncoding: /^transfer-encoding:([^\r\n]*)/im,
  contentLength: /^content-length:([^\r\n]*)/im,
};

/** RFC 9112 section 6.3, and section 9.3 for whether the connection may be used again. */
function bodyEnd(method: string, status: number, head: string): number | "last chunk" | "close" {
  const field = (named: RegExp) => named.exec(head)?.[1]?.trim().toLowerCase();
  if (!head.startsWith("HTTP/1.1") || field(fields.connection)?.includes("close")) return "close";
  if (method === "HEAD" || status === 204 || status === 304) return 0;
  const coding = field(fields.transferEncoding);
  if (coding !== undefined) return coding === "chunked" ? "last chunk" : "close";
  const length = field(fields.contentLength);
  return length !== undefined && /^\d{1,9}$/.test(length) ? Number(length) : "close";
}
