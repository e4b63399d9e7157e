/** A service in one environment: `shop`, or `shop.staging`. Names hold no dots, so a key can be taken apart again. */
export type ServiceKey = string;

/** Names one server of an installation. Opaque: only the server's platform reads anything in it. */
export type ServerId = string;

/** Names one run of one job. As a job runs once in a rollout, asking for it twice asks for the same. Opaque, as `ServerId`. */
export type JobId = string;

/** Names the reproduction of a server. Opaque, as `ServerId`. */
export type ReproductionId = string;

/** `sha256:<64 hex digits>`: the digest of an image's manifest. */
export type ImageDigest = string;

export function serviceKey(service: string, environment: string | undefined): ServiceKey {
  return environment === undefined ? service : `${service}.${environment}`;
}

/** The service's own name: the same in every environment. */
export function serviceOf(key: ServiceKey): string {
  return key.replace(/\..*$/, "");
}
