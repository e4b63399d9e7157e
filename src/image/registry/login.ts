import { z } from "zod";
import { KilnError } from "../../lib/errors.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credential-helper.ts";
import { bytesOf, type RegistryAnswer, type RegistryRequest, requireAsSafe, type Send } from "./transport.ts";

const tokenAnswer = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
});

/** `repository:team/shop:pull`, `repository:team/shop:pull,push` (distribution, "Token Scope"); empty: only who asks. */
export type Scope = string;

/**
 * Proves to one registry who asks. It sends nothing before the registry has asked for it, and then what the registry asks
 * for: a name and a password, or a token from the server that the registry names (distribution, "Token Authentication").
 */
export class Login {
  readonly #send: Send;
  /** Read when they are needed first, because a helper may ask a person. */
  readonly #find: () => Promise<Credentials | undefined>;
  #found: Promise<Credentials | undefined> | undefined;
  readonly #headers = new Map<Scope, string>();

  constructor(send: Send, find: () => Promise<Credentials | undefined>) {
    this.#send = send;
    this.#find = find;
  }

  /** The header that was accepted last. */
  headerFor(scope: Scope): string | undefined {
    return this.#headers.get(scope);
  }

  /**
   * A header for a request that was refused although it had the header `sent`; undefined when nothing more can be said.
   * Another request may have found the header meanwhile.
   */
  async answerTo(
    refusal: RegistryAnswer,
    scope: Scope,
    sent: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const known = this.#headers.get(scope);
    if (known !== undefined && known !== sent) return known;
    const challenges = parseChallenges(`${refusal.headers["www-authenticate"] ?? ""}`);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    const basic = challenges.some(({ scheme }) => scheme === "basic");
    const header = bearer
      ? `Bearer ${await this.#token(bearer, refusal.url, scope, signal)}`
      : basic
        ? basicHeader(await this.#credentials())
        : undefined;
    if (header === undefined || header === sent) return undefined;
    this.#headers.set(scope, header);
    return header;
  }

  #credentials(): Promise<Credentials | undefined> {
    this.#found ??= this.#find();
    return this.#found;
  }

  async #token({ parameters }: Challenge, from: URL, scope: Scope, signal: AbortSignal): Promise<string> {
    const realm = parameters.get("realm") ?? "";
    if (!URL.canParse(realm)) throw noToken(from, "names no server for tokens");
    const url = new URL(realm);
    requireAsSafe(url, from);
    const asked = tokenRequest(url, parameters.get("service"), scope, await this.#credentials());
    const answer = await this.#send(asked, signal);
    const text = (await bytesOf(answer)).toString();
    if (answer.status === 401 || answer.status === 403) throw noToken(from, "refuses the credentials");
    const token = answer.status === 200 ? tokenIn(text) : undefined;
    if (token === undefined) throw noToken(from, `gives no token (status ${answer.status} of ${url.host})`);
    return token;
  }
}

/** With a refresh token as the OAuth 2 form of the same (distribution, "OAuth2 Token Authentication"). */
function tokenRequest(
  realm: URL,
  service: string | undefined,
  scope: Scope,
  credentials: Credentials | undefined,
): RegistryRequest {
  const wanted = { ...(service === undefined ? {} : { service }), ...(scope === "" ? {} : { scope }) };
  if (credentials?.kind === "identity") {
    const form = new URLSearchParams({
      ...{ grant_type: "refresh_token", client_id: "kiln", refresh_token: credentials.token },
      ...wanted,
    });
    return {
      ...{ method: "POST", url: realm },
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: { kind: "bytes", bytes: Buffer.from(`${form}`) },
      isSecret: true,
    };
  }
  const url = new URL(realm);
  for (const [name, value] of Object.entries(wanted)) url.searchParams.append(name, value);
  const header = basicHeader(credentials);
  return { method: "GET", url, headers: header === undefined ? {} : { authorization: header } };
}

function basicHeader(credentials: Credentials | undefined): string | undefined {
  if (credentials?.kind !== "password") return undefined;
  return `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString("base64")}`;
}

/** A value that a header can carry. */
const tokenForm = /^[\x21-\x7e]{1,65536}$/;

function tokenIn(text: string): string | undefined {
  try {
    const { token, access_token } = tokenAnswer.parse(JSON.parse(text));
    return [token, access_token].find((one) => one !== undefined && tokenForm.test(one));
  } catch {
    return undefined;
  }
}

function noToken(from: URL, why: string): KilnError {
  return new KilnError("registry_denied", `The registry ${from.host} ${why}.`, {
    hint: `Log in: kiln registry login ${from.host} --username NAME`,
  });
}
