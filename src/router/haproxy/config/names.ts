import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import type { RoutedService } from "../../router.ts";

export type Mode = Exclude<TrafficSpec["mode"], "udp">;

/** One backend for each mode of the service's frontends: a backend has only one. Names of services hold no colon. */
export function backendName(service: string, mode: Mode): string {
  return `${mode}:${service}`;
}

export function modesOf(service: Pick<RoutedService, "frontends">): readonly Mode[] {
  // Ways in of UDP never come here: see `jointRouter`.
  const modes = new Set(service.frontends.flatMap(({ mode }) => (mode === "udp" ? [] : mode)));
  return modes.size === 0 ? ["http"] : [...modes].sort();
}
