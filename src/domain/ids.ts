/** A service in one environment: `shop`, or `shop.staging`. Names hold no dots, so a key can be taken apart again. */
export type ServiceKey = string;

/** `<service key>-<release>-<slot>-<attempt>`: everything that tells one server from all others, and no randomness. */
export type ServerId = string;

/**
 * `<service key>-<release>-<rollout>_<name>`: one run of one job. No server's id and no name holds an underscore, so it
 * cannot be taken for anything else; and as a job runs once in a rollout, asking for it twice asks for the same.
 */
export type JobId = string;

/** `<server id>__copy`. No job's id has two underscores. */
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

/** What the router knows the preview of a service as. No name holds an underscore, so it can be no service's own key. */
export function previewKey(service: ServiceKey): ServiceKey {
  return `${service}${previewEnding}`;
}

/** The service whose preview this key names; undefined when it is a service's own. */
export function previewedBy(key: ServiceKey): ServiceKey | undefined {
  return key.endsWith(previewEnding) ? key.slice(0, -previewEnding.length) : undefined;
}

const previewEnding = "_preview";

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

export interface JobName {
  readonly service: ServiceKey;
  readonly release: number;
  readonly rollout: number;
  readonly name: string;
}

export function jobId({ service, release, rollout, name }: JobName): JobId {
  return `${service}-${release}-${rollout}_${name}`;
}

/** Whether this is the id of a server, of a job or of a reproduction. */
export function isHostedId(id: string): boolean {
  return [parseServerId, parseJobId, parseReproductionId].some((parse) => parse(id) !== undefined);
}

/** The reproduction of a server: each has at most one. */
export function reproductionId(server: ServerId): ReproductionId {
  return `${server}${reproductionMark}`;
}

/** The server that is reproduced, or undefined when it is no such id. */
export function parseReproductionId(id: string): (ServerName & { readonly server: ServerId }) | undefined {
  if (!id.endsWith(reproductionMark)) return undefined;
  const server = id.slice(0, -reproductionMark.length);
  const name = parseServerId(server);
  return name && { ...name, server };
}

const reproductionMark = "__copy";

/** The parts of a job's id, or undefined when it is none. */
export function parseJobId(id: string): JobName | undefined {
  const match = /^([a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)?)-([1-9]\d*)-([1-9]\d*)_([a-z][a-z0-9-]{0,31})$/.exec(
    id,
  );
  if (!match) return undefined;
  const [, service = "", release, rollout, name = ""] = match;
  return { service, release: Number(release), rollout: Number(rollout), name };
}
