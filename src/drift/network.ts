import { readdir, readFile, readlink } from "node:fs/promises";
import { toKilnError } from "../lib/errors.ts";
import { type Pace, pacer } from "../lib/pace.ts";
import { linkIfThere } from "../lib/proc.ts";
import type { Subject } from "../platform/platform.ts";
import { membersOf } from "./check-processes.ts";
import { culpritOf } from "./culprit.ts";
import type { DetectorParts } from "./detector.ts";
import { socketFiles, type WaitingSocket, waitingSockets } from "./sockets.ts";
import { allProcesses } from "./strangers.ts";

/** Between two looks at one server; each waits between half and one and a half of it. The kernel goes through the machine's whole table of connections for each look. */
const periodMs = 20 * 60_000;
const turnMs = 2_000;
/** Everybody who may make namespaces can raise suspicion, and must not keep this process busy. */
const suspectMs = 60_000;
/** What nobody seems to hold is looked for so many times more: it may have been handed on, or closed, meanwhile. */
const moreLooks = 2;
const againMs = 500;

/** Links that modules of the kernel put into every namespace when they are loaded. */
const kernelLinks: ReadonlySet<string> = new Set(
  "tunl0 gre0 gretap0 erspan0 ip_vti0 ip6_vti0 sit0 ip6tnl0 ip6gre0".split(" "),
);

export interface NetworkCheck extends AsyncDisposable {
  /** Looks at the network namespaces of all servers now. */
  all(signal: AbortSignal): Promise<void>;
  /** Something may have been left: looks at all of them within seconds, but at most once a minute. */
  suspect(): void;
}

export interface NetworkCheckParts extends DetectorParts {
  readonly random?: () => number;
}

/**
 * Looks for what a visitor has left in servers' network namespaces: sockets that wait for others and belong to no process
 * of the server, and links. Slowly, one server after the other.
 */
export function startNetworkCheck(parts: NetworkCheckParts): NetworkCheck {
  const { sight, clock, log, tell, random = Math.random } = parts;
  const stop = new AbortController();
  const due = new WeakMap<Subject, number>();
  /** Where sockets were found held, by inode: most are there again. */
  const places = new WeakMap<Subject, ReadonlyMap<string, string>>();

  let suspected = false;
  let suspectedAt = Number.NEGATIVE_INFINITY;

  const next = () => clock.elapsed() + periodMs * (0.5 + random());

  async function look(subject: Subject, signal: AbortSignal): Promise<void> {
    due.set(subject, next());
    const links = await strangeLinks(subject);
    for (const link of isThere(subject) ? links : []) {
      const detail = `its network namespace has a link ${link} that Kiln did not make`;
      tell(subject, { kind: "network", subject: link, detail });
    }
    let left = await notHeld(subject, signal);
    for (let looks = 0; looks < moreLooks && left.length > 0; looks += 1) {
      await clock.sleep(againMs, signal);
      const now = new Set((await notHeld(subject, signal)).map(({ inode }) => inode));
      left = left.filter(({ inode }) => now.has(inode));
    }
    if (!isThere(subject)) return;
    for (const { inode, what } of left) {
      const holder = await holderOf(inode, signal);
      const culprit = holder === undefined ? undefined : culpritOf(holder);
      const by = culprit ? `pid ${culprit.pid} (${culprit.name})` : "nobody that can be seen";
      const detail = `a socket in its network namespace (${what}) is held by ${by}, not by its own processes`;
      tell(subject, { kind: "network", subject: what, detail, culprit });
    }
  }

  /** Sockets that none of the server's own processes has open. */
  async function notHeld(subject: Subject, signal: AbortSignal): Promise<readonly WaitingSocket[]> {
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
  }

  async function lookAll(signal: AbortSignal, among: (subject: Subject) => boolean): Promise<void> {
    for (const subject of sight.subjects().filter(among)) {
      if (signal.aborted) return;
      await look(subject, signal).catch((error) => {
        const { message } = toKilnError(error);
        if (!signal.aborted)
          log.warn({ server: subject.server, error: message }, "a network could not be looked at");
      });
    }
  }

  function isDue(subject: Subject): boolean {
    if (!due.has(subject)) due.set(subject, next());
    return (due.get(subject) ?? 0) <= clock.elapsed();
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const hurry = suspected && clock.elapsed() - suspectedAt >= suspectMs;
      if (hurry) {
        suspected = false;
        suspectedAt = clock.elapsed();
      }
      await lookAll(stop.signal, (subject) => hurry || isDue(subject));
      await clock.sleep(turnMs, stop.signal).catch(() => {});
    }
  }
  const running = run();

  return {
    all: (signal) => lookAll(AbortSignal.any([signal, stop.signal]), () => true),
    suspect() {
      suspected = true;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

/** What was read of its first process was not of another one that has its number by now. */
function isThere({ process, baseline }: Subject): boolean {
  return linkIfThere(`/proc/${process.pid}/ns/net`) === baseline.namespaces.net;
}

async function strangeLinks({ process, links }: Subject): Promise<readonly string[]> {
  const text = links && (await readIfThere(`/proc/${process.pid}/net/dev`));
  const names = text?.matchAll(/^ *([^\s:]+):/gm) ?? [];
  return [...names].flatMap(([, name = ""]) => (links?.includes(name) || kernelLinks.has(name) ? [] : name));
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

async function holderOf(inode: string, signal: AbortSignal): Promise<number | undefined> {
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
