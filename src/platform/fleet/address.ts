import { previewedBy } from "../../domain/ids.ts";
import type { ServiceAddress } from "../../domain/observation.ts";
import type { TrafficSpec } from "../../domain/spec.ts";
import type { RoutedService } from "../../router/router.ts";

/** Where each service that the router has is reached, and its preview: the router of a fleet listens on this machine. */
export function addressesOf(routed: readonly RoutedService[]): readonly ServiceAddress[] {
  return routed.flatMap(({ service: key, doors }) => {
    const service = previewedBy(key);
    const which = service === undefined ? { service: key } : { service, preview: true };
    return doors.map((door) => ({ ...which, url: addressOf(door) }));
  });
}

/** `http://localhost:8080`, `http://shop.example.com`, `localhost:5432 (tcp)`. */
function addressOf(traffic: TrafficSpec): string {
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
