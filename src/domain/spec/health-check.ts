/** How a server is asked whether it is healthy: always over the network, never by a command in the server. */
export type HealthCheck =
  | HttpCheck
  | GrpcCheck
  | TcpCheck
  /** For servers without a port: that the process lives. For servers of UDP: that the process has its port open, where the platform sees that. */
  | { readonly kind: "alive" };

/** A TCP connection. */
export interface TcpCheck extends CheckPlace {
  readonly kind: "tcp";
}

interface CheckPlace {
  /** TCP port of the server. Absent: the one that it serves at. */
  readonly port?: number | undefined;
}

export interface HttpCheck extends CheckPlace {
  readonly kind: "http";
  /** Path and query. */
  readonly path: string;
  /** Absent: GET. */
  readonly method?: "HEAD" | "OPTIONS" | undefined;
  /** Host name to ask for. Absent: the service's first one, else the server's address. */
  readonly host?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Absent: 200 to 399. */
  readonly statuses?: readonly StatusRange[] | undefined;
  /** What the body must contain. */
  readonly body?: string | undefined;
  readonly tls?: CheckTls | undefined;
}

/** The method Check of `grpc.health.v1.Health`, by HTTP/2. */
export interface GrpcCheck extends CheckPlace {
  readonly kind: "grpc";
  /** The name that is asked for; empty: the server as a whole. */
  readonly service: string;
  readonly host?: string | undefined;
  readonly tls?: CheckTls | undefined;
}

/** Statuses of HTTP, both ends included. */
export interface StatusRange {
  readonly first: number;
  readonly last: number;
}

/** The server speaks TLS. */
export interface CheckTls {
  /** PEM of the authorities that may have signed its certificate. Absent: any certificate will do. */
  readonly ca?: string | undefined;
}

const defaultStatuses: readonly StatusRange[] = [{ first: 200, last: 399 }];

export function passes({ statuses = defaultStatuses }: HttpCheck, status: number): boolean {
  return statuses.some(({ first, last }) => first <= status && status <= last);
}

/** `GET /healthz`, `gRPC health of shop.v1`: what is asked, as the subject of a sentence. */
export function askedWords(check: HealthCheck): string {
  if (check.kind === "http") return `${check.method ?? "GET"} ${check.path}`;
  if (check.kind === "grpc") return `gRPC health${check.service === "" ? "" : ` of ${check.service}`}`;
  return check.kind === "tcp" ? "TCP connection" : "running process";
}

/** All of a check on one line, for a plan. Of headers only the names: their values may be confidential. */
export function checkWords(check: HealthCheck): string {
  const { host, tls } = "service" in check || "path" in check ? check : {};
  const { headers = {}, statuses, body } = check.kind === "http" ? check : {};
  const names = Object.keys(headers);
  const options = [
    ...(host === undefined ? [] : [`host ${host}`]),
    ...(names.length === 0 ? [] : [`headers ${names.join(", ")}`]),
    ...(statuses === undefined ? [] : [`status ${statuses.map(rangeWords).join(",")}`]),
    ...(body === undefined ? [] : [`body with ${JSON.stringify(body)}`]),
    ...(tls === undefined ? [] : [tls.ca === undefined ? "TLS" : "TLS of a given authority"]),
  ];
  const at = check.kind === "alive" || check.port === undefined ? "" : ` at port ${check.port}`;
  return [`${askedWords(check)}${at}`, ...options].join(", ");
}

function rangeWords({ first, last }: StatusRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

/**
 * The check that a router makes by itself, which must never fail where Kiln's own passes: a router asks by plain HTTP/1.1
 * and takes any status below 500. Where that could be stricter, it only connects.
 */
export function routerCheck(check: HealthCheck): HealthCheck {
  if (check.kind === "alive") return check;
  if (check.kind !== "http" || check.tls !== undefined || check.headers !== undefined) return { kind: "tcp" };
  if (check.statuses?.some(({ last }) => last >= 500)) return { kind: "tcp" };
  const { kind, path, method, host } = check;
  return {
    ...{ kind, path },
    ...(method === undefined ? {} : { method }),
    ...(host === undefined ? {} : { host }),
  };
}
