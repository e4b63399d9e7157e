import type { HttpCheck } from "../../../domain/spec/health-check.ts";
import type { ProbeTarget } from "./prober.ts";

/** The PROXY protocol, version 2, section 2.2: the command LOCAL, for a connection on behalf of no client. */
export const ownProxyHeader = "\r\n\r\n\0\r\nQUIT\n \0\0\0";

/** The head of a check's request (RFC 9112 section 3). `keep`: the connection may be used again. */
export function requestOf(target: ProbeTarget, check: HttpCheck, keep: boolean): string {
  const path = check.path.replace(/[^!-~]/g, encodeURIComponent); // RFC 9112 section 3.2: visible ASCII only
  const connection = keep ? "keep-alive" : "close";
  const own = check.headers === undefined ? "" : headerLines(check.headers);
  const hasField = (name: string) => own !== "" && own.toLowerCase().includes(`\n${name}:`);
  return [
    `${check.method ?? "GET"} ${path} HTTP/1.1\r\nHost: ${authorityOf(target)}`,
    hasField("user-agent") ? "" : "\r\nUser-Agent: kiln-health",
    hasField("accept") ? "" : "\r\nAccept: */*",
    `\r\nConnection: ${connection}${own}\r\n\r\n`,
  ].join("");
}

/** The host that is asked for: the check's own, else the service's, else the server's address. */
export function authorityOf(target: ProbeTarget): string {
  const { address = "", port } = target;
  return hostOf(target) ?? `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** The host name that is asked for, if there is one. */
export function hostOf({ check, host }: ProbeTarget): string | undefined {
  return (check.kind === "http" || check.kind === "grpc" ? check.host : undefined) ?? host;
}

function headerLines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `\r\n${name}: ${value}`)
    .join("");
}
