import type { ServiceAddress } from "../../domain/observation.ts";
import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { hostsOf } from "../../domain/traffic/listener.ts";
import { previewedBy } from "../../router/preview-key.ts";
import type { RoutedService } from "../../router/router.ts";

/** Where each service that the router has is reached, and its preview: the router of a fleet listens on this machine. */
export function addressesOf(routed: readonly RoutedService[]): readonly ServiceAddress[] {
  return routed.flatMap(({ service: key, frontends }) => {
    const service = previewedBy(key);
    const which = service === undefined ? { service: key } : { service, preview: true };
    const open = frontends.filter(({ named, closed }) => named === undefined && !closed);
    return open.flatMap(urlsOf).map((url) => ({ ...which, url }));
  });
}

/** `http://localhost:8080`, `http://shop.example.com/api`, `localhost:5432 (tcp)`: one for each host name. */
function urlsOf(traffic: TrafficSpec): readonly string[] {
  const { mode, listen, tls, paths = ["/"] } = traffic;
  if (mode === "udp") return [`localhost:${listen} (udp)`];
  if (mode === "tcp") return [`localhost:${listen} (${tls === undefined ? "tcp" : "tcp with TLS"})`];
  const [scheme, port] = tls === undefined ? ["http", 80] : ["https", 443];
  const path = paths[0] === "/" ? "" : paths[0];
  const hosts = hostsOf(traffic);
  return (hosts.length === 0 ? ["localhost"] : hosts).map(
    (host) => `${scheme}://${host}${listen === port ? "" : `:${listen}`}${path}`,
  );
}
