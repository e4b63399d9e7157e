import type { HealthSpec, ServerShape } from "../../../domain/spec/server-shape.ts";
import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Candidate } from "../../contract/platform.ts";

/** Throws `traffic_unsupported` or `shape_unsupported` with all that the cluster could not give: it is not left out silently. */
export function requireSupported({
  traffic,
  shape,
  health,
}: Pick<Candidate, "traffic" | "shape" | "health">): void {
  const roads = traffic === undefined ? [] : unsupportedTraffic(traffic, shape);
  if (roads.length > 0)
    throw new KilnError(
      "traffic_unsupported",
      `A Service of Kubernetes cannot do what \`traffic\` asks for: ${roads.join(", ")}.`,
      {
        hint: "Remove it from kiln.yaml for this target, and let an Ingress or a gateway in front of the Service do it.",
      },
    );
  const parts = [...unsupportedShape(shape), ...unsupportedHealth(health)];
  if (parts.length > 0)
    throw new KilnError(
      "shape_unsupported",
      `Servers on Kubernetes cannot have what kiln.yaml asks for: ${parts.join(", ")}.`,
      {
        hint: "Remove it for this target, or deploy to a target whose platform can.",
      },
    );
}

function unsupportedTraffic(traffic: TrafficSpec, shape: ServerShape): readonly string[] {
  const { mode, host, hosts, paths, stripPrefix, tls, address, redirect, sticky } = traffic;
  const { protocol, trustedProxies, acceptProxy, sendProxy, limits, maintenance, accessLog } = traffic;
  const asked = {
    "mode: udp": mode === "udp" || undefined,
    ...{ host, hosts, paths, stripPrefix, tls, address, redirect, sticky, protocol },
    ...{ trustedProxies, acceptProxy, sendProxy, limits, maintenance, accessLog },
  };
  const names = Object.entries(asked).flatMap(([name, value]) =>
    value === undefined || value === false ? [] : [name],
  );
  return shape.port === undefined ? [...names, "traffic without `servers.port`"] : names;
}

function unsupportedShape({ init, ulimits, stop, devices }: ServerShape): readonly string[] {
  const asked = { init, ulimits, "stop.signal": stop?.signal, devices };
  return Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [`servers.${name}`]));
}

/** A check that was weaker than its spec would let servers serve that are not healthy. */
function unsupportedHealth({ check, startPeriodMs }: HealthSpec): readonly string[] {
  if (check.kind === "grpc") return ["health.grpc"];
  const { method, host, headers, statuses, body, tls } = check.kind === "http" ? check : {};
  const asked = { method, host, headers, status: statuses, body, tls, startPeriod: startPeriodMs };
  return Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [`health.${name}`]));
}
