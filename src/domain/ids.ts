/** A service in one environment: `shop`, or `shop.staging`. Names hold no dots, so a key can be taken apart again. */
export type ServiceKey = string;

/** `<service key>-<release>-<slot>-<attempt>`: everything that tells one server from all others, and no randomness. */
export type ServerId = string;

/** `sha256:<64 hex digits>`: the digest of an image's manifest. */
export type ImageDigest = string;

export function serviceKey(service: string, environment: string | undefined): ServiceKey {
  return environment === undefined ? service : `${service}.${environment}`;
}

export interface ServerName {
  readonly service: ServiceKey;
  readonly release: number;
  /** Which of the group's places this server fills, from 1. */
  readonly slot: number;
  /** Which try at filling the place, from 1. */
  readonly attempt: number;
}

export function serverId(name: ServerName): ServerId {
  return `${name.service}-${name.release}-${name.slot}-${name.attempt}`;
}

/** The parts of a server id, or undefined when it is none. */
export function parseServerId(id: string): ServerName | undefined {
  const match = /^([a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)?)-([1-9]\d*)-([1-9]\d*)-([1-9]\d*)$/.exec(id);
  if (!match) return undefined;
  const [, service = "", release, slot, attempt] = match;
  return { service, release: Number(release), slot: Number(slot), attempt: Number(attempt) };
}
