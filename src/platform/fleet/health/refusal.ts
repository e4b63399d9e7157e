import type { Listener } from "../../../lib/process/listeners.ts";

/** More ports than that are not listed. */
const mostPorts = 5;

/** Whether what refuses connections by IPv4 at `port` listens there by IPv6. */
export function listensByIpv6(port: number, listeners: readonly Listener[]): boolean {
  const open = listeners.filter((listener) => listener.port === port && listener.reach !== "loopback");
  return open.length > 0 && open.every(({ family }) => family === 6);
}

/** Why a connection to `port` was refused, as far as what the server listens on tells; it is added to `connection refused`. */
export function refusalReason(port: number, listeners: readonly Listener[]): string {
  const reaches = listeners.filter((listener) => listener.port === port).map(({ reach }) => reach);
  if (reaches.includes("any")) return ""; // it listens by now
  if (reaches.includes("loopback"))
    return `it listens on port ${port} only for itself (127.0.0.1 or ::1): have it listen on 0.0.0.0`;
  if (reaches.length > 0)
    return `it listens on port ${port} at another address than the one it is reached at: have it listen on 0.0.0.0`;
  const others = [...new Set(listeners.map((listener) => listener.port))].sort((a, b) => a - b);
  if (others.length === 0) return "it listens on no port yet";
  const list = others.slice(0, mostPorts).join(", ") + (others.length > mostPorts ? ", …" : "");
  return `it does not listen on port ${port}, but on ${list} (\`servers.port\`)`;
}
