import type { ServiceKey } from "../domain/ids.ts";

const ending = "_preview";

/**
 * What a router knows the preview of a service as: a service of its own, so that a fault in one cannot hold up the other. No name holds an underscore, so
 * it cannot be a service's own key. Routers and the fleet alone know such keys.
 */
export function previewKey(service: ServiceKey): ServiceKey {
  return `${service}${ending}`;
}

/** The service whose preview this key names; undefined when it is a service's own. */
export function previewedBy(key: ServiceKey): ServiceKey | undefined {
  return key.endsWith(ending) ? key.slice(0, -ending.length) : undefined;
}
