import type { ProbeResult } from "./health.ts";

/** Why a connection ended, and what that says of the way to the server. */
export type Fault = Pick<ProbeResult, "words" | "unreached" | "refused">;

/** Refused is reached. */
export function connectionFault(error: NodeJS.ErrnoException): Fault {
  const { code = "" } = error;
  const unreached = ["EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EADDRNOTAVAIL"].includes(code);
  return { words: errorWords(error), unreached, refused: code === "ECONNREFUSED" };
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EHOSTUNREACH: "no route to it",
  ENETUNREACH: "no route to it",
  ETIMEDOUT: "no connection",
  ERR_HTTP2_ERROR: "answered something that is not HTTP/2",
  ERR_SSL_WRONG_VERSION_NUMBER: "answered something that is not TLS",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "answered something that is not TLS",
};

function errorWords({ code = "", message }: NodeJS.ErrnoException): string {
  const found = words[code];
  if (found !== undefined) return found;
  return isOfTls(code) ? `TLS failed: ${message}` : message;
}

/** OpenSSL's errors, and errors of its check of certificates, such as DEPTH_ZERO_SELF_SIGNED_CERT. */
function isOfTls(code: string): boolean {
  return (
    /^(ERR_SSL|ERR_TLS|EPROTO)/.test(code) || /_(CERT|SIGNATURE|ISSUER_CERT|CERT_LOCALLY)\b|^CERT_/.test(code)
  );
}
