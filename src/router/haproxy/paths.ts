import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { StateFolder } from "../../lib/state-folder.ts";

/** The files of one router, all in `state.router`, which only their owner can enter. */
export interface RouterPaths {
  readonly folder: string;
  readonly config: string;
  /** A configuration that is being checked. */
  readonly candidate: string;
  readonly log: string;
  /** The certificates that HAProxy loads, with their keys, and the lists that name them by port. */
  readonly certificates: string;
  /** Certificates that an authority issued for services; they outlive the router. */
  readonly acme: string;
  /** Which requests go to which service. */
  readonly routes: string;
  /** Commands to the worker that serves now. */
  readonly runtimeSocket: string;
  /** Commands to the master: reload, and questions to workers that leave. */
  readonly masterSocket: string;
  /** The root folder of the worker: nothing is in it but the sockets over which the worker connects to itself. */
  readonly jail: string;
  /** What HAProxy writes its access log to; made before HAProxy starts. */
  readonly accessPipe: string;
  /** The access logs of services. */
  readonly access: string;
}

/** HAProxy binds a socket first under its name followed by `.<pid>.tmp`: the names here leave room for that. */
export function routerPaths(state: StateFolder): RouterPaths {
  const folder = state.router;
  return {
    folder,
    config: join(folder, "haproxy.cfg"),
    candidate: join(folder, "haproxy.cfg.new"),
    certificates: join(folder, "tls"),
    acme: state.acme,
    routes: join(folder, "routes"),
    log: join(folder, "haproxy.log"),
    runtimeSocket: join(folder, "runtime.sock"),
    masterSocket: join(folder, "master.sock"),
    jail: join(folder, "jail"),
    accessPipe: join(folder, "access.pipe"),
    access: join(folder, "access"),
  };
}

/** Of the other routers of the installation, one for each target that has one. */
export async function otherRouters(state: StateFolder): Promise<readonly RouterPaths[]> {
  const home = dirname(state.router);
  const names = await readdir(home);
  return names
    .filter((name) => /^router(-[0-9a-f]{6})?$/.test(name) && name !== basename(state.router))
    .map((name) => routerPaths({ ...state, router: join(home, name) }));
}
