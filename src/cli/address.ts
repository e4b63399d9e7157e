import type { TrafficSpec } from "../domain/spec.ts";

/** Where a service is reached: `http://localhost:8080`, `http://shop.example.com`, `localhost:5432 (tcp)`. */
export function addressOf(traffic: TrafficSpec | undefined): string | undefined {
  if (traffic === undefined) return undefined;
  const { mode, host = "localhost", listen, tls } = traffic;
  if (mode === "tcp") return `localhost:${listen} (${tls === undefined ? "tcp" : "tcp with TLS"})`;
  const [scheme, port] = tls === undefined ? ["http", 80] : ["https", 443];
  return `${scheme}://${host}${listen === port ? "" : `:${listen}`}`;
}
