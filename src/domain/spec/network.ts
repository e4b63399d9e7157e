import type { ServiceKey } from "../ids.ts";

export interface NetworkSpec {
  /** Who may reach a service from its own servers: patterns as `mayReach` reads them. Absent: its own environment. */
  readonly allow?: readonly string[] | undefined;
  /** Its servers may read what the cloud tells the machine, credentials among it. Absent: they may not. */
  readonly metadata?: true | undefined;
}

/** Ends every full name of a service. ICANN has set `.internal` aside for private use (resolution 2024.07.29.06). */
export const namesDomain = "kiln.internal";

/** One entry of `NetworkSpec.allow`. */
export const allowPattern = /^(\*|[a-z][a-z0-9-]{0,31})(\.[a-z][a-z0-9-]{0,31})?(\.kiln\.internal)?$/;

/** Undefined for services that were deployed without one. */
export function environmentOf(key: ServiceKey): string | undefined {
  const dot = key.indexOf(".");
  return dot < 0 ? undefined : key.slice(dot + 1);
}

/** `shop.kiln.internal`, `shop.staging.kiln.internal`. */
export function fullName(key: ServiceKey): string {
  return `${key}.${namesDomain}`;
}

/** What the names in a server of this service are completed with: there `shop` is the one of the same environment. */
export function searchDomain(key: ServiceKey): string {
  const environment = environmentOf(key);
  return environment === undefined ? namesDomain : `${environment}.${namesDomain}`;
}

/**
 * Whether servers of `caller` may reach the service `callee`. `allow` holds `web` (that service of the same environment),
 * `web.staging` (of another one), `web.kiln.internal` (without an environment), and `*` in place of a service for all of an
 * environment. Absent: all of the same environment. Servers of one service reach each other in any case.
 */
export function mayReach(caller: ServiceKey, callee: ServiceKey, allow: readonly string[] = ["*"]): boolean {
  if (caller === callee) return true;
  const own = environmentOf(callee);
  return allow.some((pattern) => {
    const key = allowedKey(pattern, own);
    return key === caller || (key.startsWith("*") && key.slice(1) === caller.slice(nameLength(caller)));
  });
}

/** `web` in `staging`: `web.staging`. */
function allowedKey(pattern: string, own: string | undefined): ServiceKey {
  if (pattern.endsWith(`.${namesDomain}`)) return pattern.slice(0, -namesDomain.length - 1);
  return pattern.includes(".") || own === undefined ? pattern : `${pattern}.${own}`;
}

function nameLength(key: ServiceKey): number {
  const dot = key.indexOf(".");
  return dot < 0 ? key.length : dot;
}
