import { randomBytes, timingSafeEqual } from "node:crypto";

/** A link that was not opened by then lets no one in. */
const codeForMs = 10 * 60_000;

/** Who comes, as far as it can be seen. */
export interface Visitor {
  /** The header `cookie`. */
  readonly cookie: string | undefined;
  /** The user of the process at the other end; undefined when that is not known. */
  readonly user: number | undefined;
}

/**
 * Lets in the one who has the code of the link, once, and from then on the holder of the cookie that they got for it, as long as that is
 * the same user of this machine: a browser sends its cookies to every port of an address, so another program may have got them.
 */
export class Gate {
  readonly #cookie: string;
  readonly #key = secret();
  readonly #untilMs: number;
  #code: string | undefined = secret();
  #user: number | undefined;

  /** `port` tells the cookies of several dashboards apart: browsers do not. */
  constructor(port: number, nowMs: number) {
    this.#cookie = `kiln-ui-${port}`;
    this.#untilMs = nowMs + codeForMs;
  }

  /** The code of the link; undefined once it was used. */
  get code(): string | undefined {
    return this.#code;
  }

  /** The header `set-cookie` for who has the code; undefined for all others. */
  enter(code: string, user: number | undefined, nowMs: number): string | undefined {
    if (this.#code === undefined || nowMs > this.#untilMs || !isEqual(code, this.#code)) return undefined;
    this.#code = undefined;
    this.#user = user;
    return `${this.#cookie}=${this.#key}; HttpOnly; SameSite=Strict; Path=/`;
  }

  admits({ cookie = "", user }: Visitor): boolean {
    if (this.#code !== undefined || user !== this.#user) return false;
    const pairs = cookie.split("; ").map((pair) => pair.split("="));
    return pairs.some(([name, value = ""]) => name === this.#cookie && isEqual(value, this.#key));
  }
}

function secret(): string {
  return randomBytes(24).toString("base64url");
}

function isEqual(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
