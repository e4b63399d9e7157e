import type { RoutedService } from "../../router.ts";

export type Mode = "http" | "tcp";

/** One backend for each mode of the service's doors: a backend has only one. Names of services hold no colon. */
export function backendName(service: string, mode: Mode): string {
  return `${mode}:${service}`;
}

export function modesOf(service: Pick<RoutedService, "doors">): readonly Mode[] {
  const modes = new Set(service.doors.map((door) => door.mode));
  return modes.size === 0 ? ["http"] : [...modes].sort();
}
