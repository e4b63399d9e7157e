import type { ContractEntry } from "../entry.ts";

/** The part of the table about who may ask over the network. */
export const accessTable = {
  /** Over the socket: root, with all rights. */
  whoami: {
    method: "GET",
    path: "/v1/access/self",
    needs: "self",
    byWhom: true,
    summary: "Who asks, and what that one may do.",
    asks: "Nothing",
    answers: "Self",
  },
  can: {
    method: "GET",
    path: "/v1/access/can/:operation",
    needs: "self",
    byWhom: true,
    summary: "Whether the one who asks may use an operation on a service, and by which grant.",
    asks: "Can",
    answers: "Verdict",
  },
  /** Tokens and invites, dead tokens too for a while. */
  access: {
    method: "GET",
    path: "/v1/access",
    needs: "administer installation",
    summary: "Who may ask over the network; never a secret.",
    asks: "Nothing",
    answers: "AccessList",
  },
  /** Throws `usage` when the controller does not listen for the network. */
  invite: {
    method: "POST",
    path: "/v1/access/invites",
    needs: "administer installation",
    summary: "Makes an invite, which becomes a token once, within an hour.",
    asks: "MakeInvite",
    answers: "Invited",
  },
  /** Throws `unauthenticated`, `rate_limited`. */
  login: {
    method: "POST",
    path: "/v1/access/login",
    needs: "public",
    summary: "Turns an invite into a token.",
    asks: "Login",
    answers: "Token",
  },
  /** Throws `identity_refused`, `issuer_unreachable`, `rate_limited`. */
  exchangeIdentity: {
    method: "POST",
    path: "/v1/access/exchange",
    needs: "public",
    summary: "Turns an OpenID Connect token of a pipeline into a token for 15 minutes, by the trust rules.",
    asks: "ExchangeIdentity",
    answers: "Token",
  },
  /** In place of one of the same name. Throws `usage` for a rule that would let strangers in. */
  trustPipelines: {
    method: "POST",
    path: "/v1/access/rules/:name",
    needs: "administer installation",
    summary: "Adds a trust rule: which pipelines get tokens, and for what.",
    asks: "TrustPipelines",
    answers: "TrustedPipelines",
  },
  /** Throws `access_unknown`. */
  distrustPipelines: {
    method: "POST",
    path: "/v1/access/rules/:name/remove",
    needs: "administer installation",
    summary: "Removes a trust rule, and ends its tokens at once.",
    asks: "DistrustPipelines",
    answers: "RevokedAccess",
  },
  /** Throws `access_unknown`. */
  revokeAccess: {
    method: "POST",
    path: "/v1/access/revoke",
    needs: "administer installation",
    summary: "Revokes a token, or all tokens and invites of a name, at once; their streams end.",
    asks: "RevokeAccess",
    answers: "RevokedAccess",
  },
  /** The old one ends a day later. Throws `usage` over the socket, which has no token. */
  rotateToken: {
    method: "POST",
    path: "/v1/access/rotate",
    needs: "self",
    summary: "Makes a new token with the same rights in place of the one that asks.",
    asks: "Because",
    answers: "Token",
  },
  /** Repeating it is fine. Throws `usage`. */
  allowPlace: {
    method: "POST",
    path: "/v1/access/allow",
    needs: "local",
    summary:
      "Lets requests over the network name a file of the controller's machine, or a URL that it fetches; or services have a device.",
    asks: "Place",
  },
  /** Throws `access_unknown`. */
  disallowPlace: {
    method: "POST",
    path: "/v1/access/disallow",
    needs: "local",
    summary: "Takes that back. Releases that name it stay as they are.",
    asks: "Place",
  },
  /** From now on, also after a restart. Throws `listen_failed`. */
  listen: {
    method: "POST",
    path: "/v1/access/listen",
    needs: "local",
    summary: "Lets the controller listen for the network, with TLS 1.3.",
    asks: "Listen",
    answers: "Listening",
  },
  unlisten: {
    method: "POST",
    path: "/v1/access/unlisten",
    needs: "local",
    summary: "Closes the controller to the network; tokens stay.",
    asks: "Because",
  },
} as const satisfies Record<string, ContractEntry>;
