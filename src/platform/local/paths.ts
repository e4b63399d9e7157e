import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ServerId } from "../../domain/ids.ts";
import type { StateFolder } from "../../lib/state-folder.ts";

/** What the host keeps for all servers together. Server ids start with a letter, so `.host` is never one. */
export interface HostPaths {
  readonly servers: string;
  readonly host: string;
  /** conmon leaves one file per ended server here: its exit code as text. */
  readonly exits: string;
  /** runc's own state. */
  readonly runc: string;
  /** One mounted erofs per layer. */
  readonly layers: string;
  /** For each layer whose file is protected from changes, that file's path. */
  readonly immutable: string;
  /** For each mounted layer, what the kernel serves it from. */
  readonly served: string;
  /** One mounted root file system per image and set of writable paths. */
  readonly roots: string;
  /** Skeletons: the lowest layer of each root. */
  readonly skeletons: string;
  /** Short on purpose: conmon's attach sockets lie below it, and a socket's path has at most 107 bytes. */
  readonly sockets: string;
  readonly network: string;
}

export function hostPaths(state: StateFolder): HostPaths {
  const host = join(state.servers, ".host");
  return {
    servers: state.servers,
    host,
    exits: join(host, "exits"),
    runc: join(host, "runc"),
    layers: join(host, "layers"),
    immutable: join(host, "immutable"),
    served: join(host, "served"),
    roots: join(host, "roots"),
    skeletons: join(host, "skeletons"),
    sockets: join(host, "s"),
    network: join(host, "network.json"),
  };
}

/** What belongs to one server; the folder is its OCI bundle. */
export interface ServerPaths {
  readonly folder: string;
  readonly record: string;
  readonly config: string;
  /** What the server was made as. */
  readonly baseline: string;
  readonly processId: string;
  readonly monitorId: string;
  readonly log: string;
  /** runc's messages, JSON lines. */
  readonly runtimeLog: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvers: string;
  /** Configuration files of the release. */
  readonly files: string;
  /** Memory: the only place where values of secrets are. Whoever copies the folder leaves this out. */
  readonly secrets: string;
  /** In place of `config` where that holds secrets. */
  readonly secretConfig: string;
  /** conmon's fifo for commands. */
  readonly control: string;
  /** conmon makes this file when the kernel has killed for want of memory. */
  readonly outOfMemory: string;
  readonly exit: string;
  readonly socket: string;
  readonly runcState: string;
}

export function serverPaths(paths: HostPaths, id: ServerId): ServerPaths {
  const folder = join(paths.servers, id);
  return {
    folder,
    record: join(folder, "record.json"),
    config: join(folder, "config.json"),
    baseline: join(folder, "baseline.json"),
    processId: join(folder, "pid"),
    monitorId: join(folder, "monitor.pid"),
    log: join(folder, "log"),
    runtimeLog: join(folder, "runc.log"),
    hosts: join(folder, "hosts"),
    hostname: join(folder, "hostname"),
    resolvers: join(folder, "resolv.conf"),
    files: join(folder, "files"),
    secrets: join(folder, "secrets"),
    secretConfig: join(folder, "secrets/config.json"),
    control: join(folder, "ctl"),
    outOfMemory: join(folder, "oom"),
    exit: join(paths.exits, id),
    socket: join(paths.sockets, socketName(id)),
    runcState: join(paths.runc, id),
  };
}

/** Ids may be longer than a socket's path has room for. */
export function socketName(id: ServerId): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 12);
}
