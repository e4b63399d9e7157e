import { readdir, readFile, readlink } from "node:fs/promises";
import { type Pace, pacer } from "../../lib/time/pace.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import { membersOf } from "../checks/check-processes.ts";
import { allProcesses } from "../checks/strangers.ts";
import { socketFiles, type WaitingSocket, waitingSockets } from "./sockets.ts";

/** Finds sockets of servers' network namespaces that none of the server's own processes has open. */
export interface SocketSearch {
  notHeld(subject: Subject, signal: AbortSignal): Promise<readonly WaitingSocket[]>;
}

export function createSocketSearch(): SocketSearch {
  /** Where sockets were found held, by inode: most are there again. */
  const places = new WeakMap<Subject, ReadonlyMap<string, string>>();
  return {
    async notHeld(subject, signal) {
      const sockets = await socketsOf(subject);
      const wanted = new Set(sockets.map(({ inode }) => inode));
      const members = new Set(membersOf(subject).map(String));
      const found = new Map<string, string>();
      const pace = pacer(signal);
      for (const [inode, path] of places.get(subject) ?? []) {
        if (members.has(path.split("/")[2] ?? "") && (await inodeAt(path)) === inode) found.set(inode, path);
      }
      for await (const folder of foldersOf(members)) {
        if (found.size >= wanted.size) break;
        await search(folder, wanted, found, pace);
      }
      for (const inode of found.keys()) if (!wanted.has(inode)) found.delete(inode);
      places.set(subject, found);
      return sockets.filter(({ inode }) => !found.has(inode));
    },
  };
}

/** Read by threads of Node.js: of TCP, each takes the kernel some milliseconds. */
async function socketsOf({ process }: Subject): Promise<readonly WaitingSocket[]> {
  const lists: WaitingSocket[] = [];
  for (const file of socketFiles) {
    lists.push(...waitingSockets(file, (await readIfThere(`/proc/${process.pid}/net/${file}`)) ?? ""));
  }
  return lists;
}

/** Of the processes first; a thread may have open files of its own, and outlive the first one of its process. */
async function* foldersOf(pids: Iterable<string>): AsyncGenerator<string> {
  for (const pid of pids) yield `/proc/${pid}/fd`;
  for (const pid of pids)
    for (const task of await namesIn(`/proc/${pid}/task`)) yield `/proc/${pid}/task/${task}/fd`;
}

/** None when the process is gone. */
function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

async function search(
  folder: string,
  wanted: ReadonlySet<string>,
  found: Map<string, string>,
  pace: Pace,
): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (found.size >= wanted.size) return;
    const inode = await inodeAt(`${folder}/${name}`);
    if (inode !== undefined && wanted.has(inode)) found.set(inode, `${folder}/${name}`);
    const wait = pace();
    if (wait) await wait;
  }
}

/** The process that has the socket open; undefined when none can be seen. */
export async function holderOf(inode: string, signal: AbortSignal): Promise<number | undefined> {
  const found = new Map<string, string>();
  const pace = pacer(signal);
  for (const pid of allProcesses()) {
    await search(`/proc/${pid}/fd`, new Set([inode]), found, pace);
    if (found.size > 0) return pid;
  }
  return undefined;
}

async function inodeAt(path: string): Promise<string | undefined> {
  const link = await readlink(path).catch(() => "");
  return /^socket:\[(\d+)\]$/.exec(link)?.[1];
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, "latin1").catch(() => undefined);
}
