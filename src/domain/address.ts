import type { TrafficSpec } from "./spec.ts";

/** Where a service is reached: `http://localhost:8080`, `http://shop.example.com`, `localhost:5432 (tcp)`. */
export function addressOf(traffic: TrafficSpec | undefined): string | undefined {
  if (traffic === undefined) return undefined;
  const { mode, host = "localhost", listen, tls } = traffic;
  if (mode === "tcp") return `localhost:${listen} (${tls === undefined ? "tcp" : "tcp with TLS"})`;
  const [scheme, port] = tls === undefined ? ["http", 80] : ["https", 443];
  return `${scheme}://${host}${listen === port ? "" : `:${listen}`}`;
}

/** The door that a release has for its preview: like the one for its traffic, but for any host. */
export function previewDoor(traffic: TrafficSpec | undefined): TrafficSpec | undefined {
  if (traffic?.preview === undefined) return undefined;
  const { mode, preview, tls } = traffic;
  return { mode, listen: preview, host: undefined, ...(tls === undefined ? {} : { tls }) };
}
