import { controllerName, hostAndPort } from "../../domain/access/login-text.ts";

/** A controller: at a Unix socket, or over the network. */
export type Endpoint = { readonly socketPath: string } | RemoteEndpoint;

export interface RemoteEndpoint {
  /** `HOST:PORT` */
  readonly address: string;
  /** The certificate of the controller's authority, in PEM: no other one counts. */
  readonly authority: string;
  /** Absent before there is one. */
  readonly token: string | undefined;
}

/** What a message says of it. */
export function endpointName(endpoint: Endpoint): string {
  return "socketPath" in endpoint ? endpoint.socketPath : endpoint.address;
}

/**
 * How a request gets there. Over the network with TLS 1.3 alone, and only to what the authority certifies. As an `import`, node:http would load all
 * that fetch() is made of, too: 40 ms at the start of every command (Node.js 24).
 */
export function wayTo(endpoint: Endpoint) {
  if ("socketPath" in endpoint) {
    const { request } = process.getBuiltinModule("node:http");
    return { request, options: { socketPath: endpoint.socketPath }, headers: {} };
  }
  const { request } = process.getBuiltinModule("node:https");
  const { token } = endpoint;
  return {
    request,
    options: secureOptions(endpoint),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  };
}

/** For node:https and node:tls. */
export function secureOptions({ address, authority }: Pick<RemoteEndpoint, "address" | "authority">) {
  return {
    ...hostAndPort(address),
    ...{ ca: authority, servername: controllerName, minVersion: "TLSv1.3" as const },
    rejectUnauthorized: true, // whatever NODE_TLS_REJECT_UNAUTHORIZED says: the token is sent to no one else
  };
}
