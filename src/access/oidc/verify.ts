import type { JWTPayload, JWTVerifyOptions } from "jose";
import { issuerKinds } from "../../domain/access/issuer-kinds.ts";
import { parseLoginText } from "../../domain/access/login-text.ts";
import type { Claims, TokenIssuer } from "../../domain/access/trust-rule.ts";
import { KilnError } from "../../lib/errors.ts";
import type { KeySets } from "./key-sets.ts";
import { refusal } from "./refusal.ts";

/** Signatures with public keys alone (RFC 7518, RFC 8037): with a shared secret, the public key could be taken for one. */
const algorithms = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];
const toleranceSeconds = 30;

export interface VerifiedToken {
  readonly claims: Claims;
  /** Unique among the issuer's tokens. */
  readonly jti: string;
  /** From then on it is refused because it has expired. */
  readonly untilMs: number;
}

/** Who a token says its issuer is, before anything is proved. Throws `identity_refused`. */
export async function statedIssuer(idToken: string): Promise<string> {
  const { decodeJwt } = await import("jose");
  try {
    const { iss } = decodeJwt(idToken);
    if (typeof iss === "string") return iss.slice(0, 300);
  } catch {
    // said below
  }
  throw refusal("it is not a JSON Web Token with an issuer", "an OpenID Connect token of the pipeline");
}

/** Checks signature, issuer, audience and times. Throws `identity_refused`, `issuer_unreachable`. */
export async function verifyIdToken(
  idToken: string,
  how: {
    readonly issuer: TokenIssuer;
    readonly pin: string;
    readonly keySets: KeySets;
    readonly nowMs: number;
  },
): Promise<VerifiedToken> {
  const { issuer, pin, keySets, nowMs } = how;
  const { jwtVerify, errors } = await import("jose");
  const { mostAgeSeconds } = issuerKinds[issuer.kind];
  const options: JWTVerifyOptions = {
    ...{ issuer: issuer.url, algorithms, clockTolerance: toleranceSeconds, currentDate: new Date(nowMs) },
    ...{ requiredClaims: ["aud", "exp", "iat", "jti"] },
    ...(mostAgeSeconds === undefined ? {} : { maxTokenAge: mostAgeSeconds }),
  };
  const attempt = async (isOutdated: boolean) =>
    (await jwtVerify(idToken, await keySets.of(issuer, { isOutdated }), options)).payload;
  const payload = await attempt(false)
    .catch((error: unknown) => {
      if (error instanceof errors.JWKSNoMatchingKey) return attempt(true);
      throw error;
    })
    .catch((error: unknown) => {
      throw error instanceof KilnError ? error : inWords(error, issuer);
    });
  requireAudience(payload, pin);
  const { jti, exp = 0, iat = 0 } = payload;
  if (typeof jti !== "string" || jti === "" || jti.length > 200) throw refusal("its jti is not a short text");
  if (iat > exp) throw refusal("it ended before it was made");
  return { claims: payload, jti, untilMs: (exp + toleranceSeconds) * 1_000 };
}

/** The audience is what pipelines have as KILN_CONTROLLER: one controller, so that the token is worth nothing at another one. */
function requireAudience({ aud }: JWTPayload, pin: string): void {
  const all = [aud ?? []].flat();
  const [audience = ""] = all;
  if (all.length === 1 && parseLoginText(audience)?.pin === pin) return;
  throw refusal(
    `its audience (aud) is ${all.length === 0 ? "missing" : all.join(", ").slice(0, 200)}`,
    `kiln1.ADDRESS.${pin} alone, which is what KILN_CONTROLLER is`,
  );
}

/** What the library means by its codes (https://github.com/panva/jose, `errors`). */
function inWords(error: unknown, { url }: TokenIssuer): KilnError {
  const {
    code,
    message,
    claim = "",
  } = error as {
    readonly code?: string;
    readonly message: string;
    readonly claim?: string;
  };
  switch (code) {
    case "ERR_JOSE_ALG_NOT_ALLOWED":
    case "ERR_JOSE_NOT_SUPPORTED":
      return refusal("its algorithm (alg) proves nothing", `one of ${algorithms.join(", ")}`);
    case "ERR_JWKS_NO_MATCHING_KEY":
    case "ERR_JWKS_MULTIPLE_MATCHING_KEYS":
      return refusal("it names no key of the issuer (kid)", `a key that ${url} publishes`);
    case "ERR_JWS_SIGNATURE_VERIFICATION_FAILED":
      return refusal("its signature is by another key", `a key that ${url} publishes`);
    case "ERR_JWT_EXPIRED":
      return claim === "iat"
        ? refusal("it was made too long ago (iat)", "one that was asked for just before")
        : refusal("it has expired (exp)", "one that was asked for just before");
    case "ERR_JWT_CLAIM_VALIDATION_FAILED":
      return claim === "nbf" || claim === "iat"
        ? refusal(`it is from the future (${claim})`, "clocks that agree to 30 s")
        : refusal(`its ${claim} is missing or of another form`, "what OpenID Connect Core 1.0 asks for");
    default:
      return refusal(`it is not in the form of a signed JSON Web Token: ${message.slice(0, 200)}`);
  }
}
