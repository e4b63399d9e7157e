import type { RoutedService } from "../../router.ts";

export type Mode = "http" | "tcp";

/** One backend for each mode of the service's frontends: a backend has only one. Names of services hold no colon. */
export function backendName(service: string, mode: Mode): string {
  return `${mode}:${service}`;
}

export function modesOf(service: Pick<RoutedService, "frontends">): readonly Mode[] {
  const modes = new Set(service.frontends.map((frontend) => frontend.mode));
  return modes.size === 0 ? ["http"] : [...modes].sort();
}
