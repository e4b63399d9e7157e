export interface TrafficSpec {
  readonly mode: "http" | "tcp" | "udp";
  /** Port on the machine, of UDP or else of TCP. Several http services may share one, told apart by host name and path. */
  readonly listen: number;
  /**
   * Another port, of the same mode and certificate, for any host: while a rollout is on its way it reaches the servers
   * of the new release alone, and no server at other times.
   */
  readonly preview?: number | undefined;
  /**
   * Host name (RFC 9110 section 7.2), lower case, without port. Absent, and without `hosts`: every host that no other
   * service names. `hostsOf` has both.
   */
  readonly host: string | undefined;
  /** More than one host name, or a wildcard: `*.example.com` stands for one label in place of the star. */
  readonly hosts?: readonly string[] | undefined;
  /** Paths that the requests have, with everything below them, without a slash at the end. Absent: every path. */
  readonly paths?: readonly string[] | undefined;
  /** Servers get the request without the path of `paths` that it has. */
  readonly stripPrefix?: boolean | undefined;
  /** The router ends TLS with this certificate. Absent: traffic comes in plain. */
  readonly tls?: TlsSpec | undefined;
  /** IP address of the machine that `listen` and `redirect.http` are opened on. Absent: every address. */
  readonly address?: string | undefined;
  readonly redirect?: RedirectSpec | undefined;
  /** A client is sent to the same server, by a cookie or, with `udp`, by its address, as long as the servers are the same. */
  readonly sticky?: boolean | undefined;
  /** What servers speak; `h2c`: HTTP/2 in plain, with prior knowledge (RFC 9113, section 3.3). Absent: HTTP/1.1. */
  readonly protocol?: "h2c" | undefined;
  /** Proxies in front of the router, as addresses or networks (CIDR): what they say of their clients is believed. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** `trustedProxies` announce their clients by the PROXY protocol, version 1 or 2. */
  readonly acceptProxy?: boolean | undefined;
  /** The router announces clients to servers by the PROXY protocol, version 2. */
  readonly sendProxy?: boolean | undefined;
  readonly limits?: TrafficLimits | undefined;
  /** The router keeps a line of each request that it has passed to the service, or answered for it. */
  readonly accessLog?: boolean | undefined;
  /** A page, or plain text, that is answered with 503 while no server can answer. Absent: one sentence. */
  readonly maintenance?: string | undefined;
}

/** Requests that are answered with the address of the service (status 308). */
export interface RedirectSpec {
  /** A TCP port for plain HTTP: its requests are redirected to `listen`, with https. */
  readonly http?: number | undefined;
  /** Further host names: redirected to the service's first one. */
  readonly hosts?: readonly string[] | undefined;
}

/** Absent: none for body, and otherwise what the router has for all services. */
export interface TrafficLimits {
  /** Longest body of a request, which then has to state its length. */
  readonly bodyBytes?: number | undefined;
  /** Longest head of a request, the request line left out. */
  readonly headersBytes?: number | undefined;
  /** How long a server may be silent while a request is open. */
  readonly timeoutMs?: number | undefined;
  /** How long a WebSocket or a connection of plain TCP may be silent. */
  readonly idleMs?: number | undefined;
}

/**
 * A certificate in PEM form (RFC 7468). It is renewed while its release lives, so a release holds where it is and never
 * what is in it.
 */
export type TlsSpec = TlsFiles | TlsSecret | TlsAcme;

/** Absolute paths on the machine of the router, inside the project or not. */
export interface TlsFiles {
  /** The server's certificate first, then those that lead to its authority. */
  readonly certificate: string;
  /** Its private key, not encrypted. */
  readonly key: string;
}

/** A secret of the service, whose newest version has the certificate, its chain and its key. */
export interface TlsSecret {
  readonly secret: string;
}

/** An authority issues the certificate by ACME (RFC 8555), and the router renews it. */
export interface TlsAcme {
  readonly acme: AcmeSpec;
}

/** An address for mail, loosely: who delivers it decides. */
export const emailPattern = /^[^@\s]{1,64}@[a-z0-9.-]{1,189}$/i;

export interface AcmeSpec {
  /** URL of the authority's directory (RFC 8555, section 7.1.1). */
  readonly directory: string;
  /** How it finds out whom the names belong to. Absent: by a page on port 80 (HTTP-01). */
  readonly challenge?: "dns-01" | undefined;
  /** Where the authority writes to. */
  readonly email?: string | undefined;
  /** Absolute path, on the machine of the router, of certificates that the authority's own may come from. */
  readonly authority?: string | undefined;
}
