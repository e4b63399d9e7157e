import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
} from "node:fs";
import { isErrno } from "../../../lib/errors.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { isAlive } from "../../../lib/process/proc.ts";
import type { HostServer } from "../../fleet/host.ts";
import { bootedAtMs, bootId, isRuncInit } from "../../linux/processes.ts";
import { gatewayOf } from "../../linux/unique-local.ts";
import type { HostPaths, ServerPaths } from "../paths.ts";
import { serverPaths } from "../paths.ts";
import type { ServerRecord, ServerRecords } from "./records.ts";

export type Exit = NonNullable<ServerRecord["exit"]>;

/** What is true of all servers at one moment, read once for all of them. */
export interface Moment {
  readonly bootId: string;
  /** Names in conmon's exit folder. */
  readonly exits: ReadonlySet<string>;
  readonly nowMs: number;
}

export function readMoment(paths: HostPaths, nowMs: number): Moment {
  return { bootId: bootId(), exits: new Set(namesIn(paths.exits)), nowMs };
}

/**
 * How a server's process has ended, or undefined while it runs. Between its end and conmon's word about it, which is
 * a matter of milliseconds, it still counts as running; without conmon the code can never be known.
 */
export function findExit(paths: HostPaths, record: ServerRecord, moment: Moment): Exit | undefined {
  if (record.exit) return record.exit;
  if (!record.running) return undefined;
  if (record.bootId !== moment.bootId) return { atMs: bootedAtMs(), oomKilled: false };
  const server = serverPaths(paths, record.id);
  if (moment.exits.has(record.id)) return readExit(server);
  if (isAlive(record.running.process)) return undefined;
  if (record.running.monitor && isAlive(record.running.monitor)) return undefined;
  return readExit(server) ?? { atMs: moment.nowMs, oomKilled: existsSync(server.outOfMemory) };
}

function readExit(server: ServerPaths): Exit | undefined {
  try {
    const code = Number(readFileSync(server.exit, "utf8").trim());
    const atMs = Math.floor(statSync(server.exit).mtimeMs);
    const told = readTold(server);
    if (told !== undefined) return { atMs, ...parseEnd(told, code) };
    // One of its processes may have been killed for memory long before the server ended well.
    return { code, atMs, oomKilled: code !== 0 && existsSync(server.outOfMemory) };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** What a machine tells is a few lines. */
const mostToldBytes = 64 << 10;
const carefully = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * What a machine has told of itself; undefined when the server is none. The folder is its hypervisor's own: a link, a pipe or a file without end,
 * put there by a guest that has broken out, is not followed, waited for or read whole.
 */
export function readTold({ status }: Pick<ServerPaths, "status">): string | undefined {
  let file: number;
  try {
    file = openSync(status, carefully);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    if (isErrno(error, "ELOOP") || isErrno(error, "ENXIO")) return "";
    throw error;
  }
  try {
    if (!fstatSync(file).isFile()) return "";
    const buffer = Buffer.alloc(mostToldBytes);
    return buffer.toString("utf8", 0, readSync(file, buffer));
  } finally {
    closeSync(file);
  }
}

/**
 * How the program of a machine has ended: `exit CODE` or `exit CODE memory` is the last that the machine writes. One that
 * could not, because its kernel or its hypervisor came to an end, has the hypervisor's code; 0 tells nothing then.
 */
export function parseEnd(told: string, ofHypervisor: number): Omit<Exit, "atMs"> {
  const [, code, memory] = /^exit (\d+)( memory)?$/m.exec(told) ?? [];
  if (code !== undefined) return { code: Number(code), oomKilled: memory !== undefined };
  return { ...(ofHypervisor !== 0 && { code: ofHypervisor }), oomKilled: false };
}

/** The record of a job that was about to be started when its controller was killed: it says whether the job was started. */
export function settled(records: ServerRecords, record: ServerRecord): ServerRecord {
  if (!record.running || !record.waiting) return record;
  const isSameBoot = record.bootId === bootId();
  if (isSameBoot && isAlive(record.running.process) && isRuncInit(record.running.process)) return record;
  const { waiting: _, ...started } = record;
  records.write(started);
  return started;
}

/** The server as its record and `exit` say it is. */
export function hostServer(record: ServerRecord, exit: Exit | undefined): HostServer {
  const { id, release, createdAtMs, user, quarantinedAtMs, retiredAtMs, address6 } = record;
  return {
    id,
    release,
    createdAtMs,
    state: exit ? "exited" : record.running && !record.waiting ? "running" : "creating",
    address: record.freed ? undefined : record.address,
    exit: exit && { code: exit.code, atMs: exit.atMs, oomKilled: exit.oomKilled },
    ...(exit && !record.freed ? { unfreed: true } : {}),
    user,
    quarantinedAtMs,
    retiredAtMs,
    ...(record.gateway === undefined ? {} : { reachedFrom: record.gateway }),
    ...(address6 === undefined || record.freed
      ? {}
      : { ipv6: { address: address6, reachedFrom: gatewayOf(address6) } }),
  };
}
