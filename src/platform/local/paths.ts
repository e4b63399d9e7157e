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
  /** Names of services, and what they lead to. */
  readonly names: string;
  /** Data that outlasts servers: a folder for each service, in that one for each volume. */
  readonly volumes: string;
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
    names: join(host, "names.json"),
    volumes: state.volumes,
  };
}

/**
 * What belongs to one server; the folder is its OCI bundle. Each path is put together when it is asked for: all servers
 * are listed every few seconds, and that needs three of them.
 */
export class ServerPaths {
  readonly folder: string;
  readonly #paths: HostPaths;
  readonly #id: ServerId;

  constructor(paths: HostPaths, id: ServerId) {
    this.folder = `${paths.servers}/${id}`;
    this.#paths = paths;
    this.#id = id;
  }

  get record(): string {
    return `${this.folder}/record.json`;
  }

  get config(): string {
    return `${this.folder}/config.json`;
  }

  /** The server as it was made. */
  get baseline(): string {
    return `${this.folder}/baseline.json`;
  }

  get processId(): string {
    return `${this.folder}/pid`;
  }

  get monitorId(): string {
    return `${this.folder}/monitor.pid`;
  }

  get log(): string {
    return `${this.folder}/log`;
  }

  /** runc's messages, JSON lines. */
  get runtimeLog(): string {
    return `${this.folder}/runc.log`;
  }

  get hosts(): string {
    return `${this.folder}/hosts`;
  }

  get hostname(): string {
    return `${this.folder}/hostname`;
  }

  get resolvers(): string {
    return `${this.folder}/resolv.conf`;
  }

  /** Configuration files of the release. */
  get files(): string {
    return `${this.folder}/files`;
  }

  /** Memory: the only place where values of secrets are. A copy of the folder leaves this out. */
  get secrets(): string {
    return `${this.folder}/secrets`;
  }

  /** Of a machine: the folder that its hypervisor may write to. */
  get machine(): string {
    return `${this.folder}/machine`;
  }

  /** What a machine tells of itself, a line each: `booted`, `started`, `failed WHAT`, `exit CODE`. */
  get status(): string {
    return `${this.machine}/status`;
  }

  /** In place of `config` where that holds secrets. */
  get secretConfig(): string {
    return `${this.secrets}/config.json`;
  }

  /** conmon's fifo for commands. */
  get control(): string {
    return `${this.folder}/ctl`;
  }

  /** conmon makes this file when the kernel has killed for want of memory. */
  get outOfMemory(): string {
    return `${this.folder}/oom`;
  }

  get exit(): string {
    return `${this.#paths.exits}/${this.#id}`;
  }

  get socket(): string {
    return `${this.#paths.sockets}/${socketName(this.#id)}`;
  }

  get runcState(): string {
    return `${this.#paths.runc}/${this.#id}`;
  }
}

export function serverPaths(paths: HostPaths, id: ServerId): ServerPaths {
  return new ServerPaths(paths, id);
}

/** Ids may be longer than a socket's path has room for. */
export function socketName(id: ServerId): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 12);
}
