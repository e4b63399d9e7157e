import type { JobId, ReproductionId, ServerId, ServiceKey } from "../../domain/ids.ts";

/**
 * The ids that a fleet gives what runs on its host: only the fleet and its hosts read them.
 * A server: `<service key>-<release>-<slot>-<attempt>`. A job: `<service key>-<release>-<rollout>_<name>`, or of no rollout `<service key>-<release>-r<run>_<name>`;
 * no server's id and no name holds an underscore. A reproduction: `<server id>__copy`.
 */
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
  /** 0 for a run of no rollout. */
  readonly rollout: number;
  readonly run?: number | undefined;
  readonly name: string;
}

export function jobId({ service, release, rollout, run, name }: JobName): JobId {
  return `${service}-${release}-${run === undefined ? rollout : `r${run}`}_${name}`;
}

/** Whether this is the id of a server, of a job or of a reproduction. */
export function isHostedId(id: string): boolean {
  return [parseServerId, parseJobId, parseReproductionId].some((parse) => parse(id) !== undefined);
}

/** The reproduction of a server: each has at most one. */
export function reproductionId(server: ServerId): ReproductionId {
  return `${server}${reproductionMark}`;
}

/** The server that is reproduced, or undefined for another kind of id. */
export function parseReproductionId(id: string): (ServerName & { readonly server: ServerId }) | undefined {
  if (!id.endsWith(reproductionMark)) return undefined;
  const server = id.slice(0, -reproductionMark.length);
  const name = parseServerId(server);
  return name && { ...name, server };
}

const reproductionMark = "__copy";

/** The parts of a job's id, or undefined when it is none. */
export function parseJobId(id: string): JobName | undefined {
  const match =
    /^([a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)?)-([1-9]\d*)-(r?)([1-9]\d*)_([a-z][a-z0-9-]{0,31})$/.exec(id);
  if (!match) return undefined;
  const [, service = "", release, mark, number, name = ""] = match;
  const occasion = mark === "r" ? { rollout: 0, run: Number(number) } : { rollout: Number(number) };
  return { service, release: Number(release), ...occasion, name };
}
