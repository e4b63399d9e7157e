import type { JSONWebKeySet, JWTVerifyGetKey } from "jose";
import { z } from "zod";
import type { TokenIssuer } from "../../domain/access/trust-rule.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { fetchText } from "./public-fetch.ts";

/** Keys are asked for again after this time; because of a key that is unknown, or after a failure, at most this often. */
const keptMs = 10 * 60_000;
const soonestMs = 30_000;
const soonestAfterFailureMs = 5_000;

/** OpenID Connect Discovery 1.0, section 3. */
const description = z.object({ issuer: z.string(), jwks_uri: z.string() });
/** RFC 7517, section 5. */
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });

interface Kept {
  readonly sinceMs: number;
  readonly keys: Promise<JWTVerifyGetKey>;
  failed: boolean;
}

/** The keys of issuers, from where they publish them. */
export class KeySets {
  readonly #kept = new Map<string, Kept>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `isOutdated`: they lack a key, so they are asked for again unless that was just now. Throws `issuer_unreachable`. */
  of(issuer: TokenIssuer, { isOutdated = false } = {}): Promise<JWTVerifyGetKey> {
    const name = `${issuer.url} ${issuer.isPrivate}`;
    const known = this.#kept.get(name);
    const mostMs = known?.failed ? soonestAfterFailureMs : isOutdated ? soonestMs : keptMs;
    if (known !== undefined && this.#clock.elapsed() - known.sinceMs < mostMs) return known.keys;
    const kept: Kept = { sinceMs: this.#clock.elapsed(), keys: readKeys(issuer), failed: false };
    this.#kept.set(name, kept);
    kept.keys.catch(() => {
      kept.failed = true;
    });
    return kept.keys;
  }
}

async function readKeys(issuer: TokenIssuer): Promise<JWTVerifyGetKey> {
  const { url } = issuer;
  const described = description.safeParse(
    await read(issuer, `${url.replace(/\/$/, "")}/.well-known/openid-configuration`),
  ).data;
  if (described === undefined)
    throw unreachable(url, "its openid-configuration names no issuer and jwks_uri");
  if (described.issuer !== url) throw unreachable(url, `its openid-configuration is of ${described.issuer}`);
  const found = keySet.safeParse(await read(issuer, described.jwks_uri)).data;
  if (found === undefined) throw unreachable(url, "what it publishes as keys is not a JSON Web Key Set");
  const { createLocalJWKSet } = await import("jose");
  return createLocalJWKSet(found as JSONWebKeySet);
}

async function read({ url, isPrivate }: TokenIssuer, from: string): Promise<unknown> {
  try {
    return JSON.parse(await fetchText(from, isPrivate));
  } catch (error) {
    throw unreachable(url, error instanceof Error ? error.message : String(error), error);
  }
}

function unreachable(url: string, why: string, cause?: unknown): KilnError {
  return new KilnError(
    "issuer_unreachable",
    `The keys of the issuer ${url} cannot be read: ${why.slice(0, 300)}.`,
    {
      hint: "The controller's machine must reach it by https. For an issuer in a private network, add the rule with --private on that machine. Then repeat the command.",
      retry: true,
      cause,
    },
  );
}
