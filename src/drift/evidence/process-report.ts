import { readdirSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { linkIfThere, readIfThere } from "../../lib/process/proc.ts";
import { readStatus } from "../checks/process-tree.ts";

/** Open files of one process that are written down, and processes of one server. */
const most = { files: 256, processes: 4096 };

/** One process as it was, without its environment: that may hold secrets. */
export interface ProcessReport {
  readonly pid: number;
  readonly parent: number;
  readonly uid: number;
  readonly name: string;
  readonly state: string;
  readonly argv: readonly string[];
  readonly executable: string | undefined;
  readonly workingFolder: string | undefined;
  /** By kind, what /proc/PID/ns/KIND links to. */
  readonly namespaces: Readonly<Record<string, string>>;
  /** By number; `socket:[…]` and `pipe:[…]` stand for themselves. */
  readonly files: Readonly<Record<string, string>>;
  /** False: it is not of the server's cgroup, but shares one of its namespaces. */
  readonly own: boolean;
}

/** Kinds of namespace that say that a process has come in; the others may be the machine's own. */
const inside = ["mnt", "pid", "net", "ipc", "uts", "user"];

/** So many processes are looked at before others have their turn: a few milliseconds. */
const slice = 16;

/** The processes of a server's cgroup, and those that share its namespaces without being in it. */
export async function processReports(
  own: readonly number[],
  first: number | undefined,
): Promise<readonly ProcessReport[]> {
  const foreign = first === undefined ? [] : await strangers(new Set(own), first);
  const reports = await inSlices([...own, ...foreign].slice(0, most.processes), (pid) =>
    reportOf(pid, !foreign.includes(pid)),
  );
  return reports.filter((report) => report !== undefined);
}

async function strangers(own: ReadonlySet<number>, first: number): Promise<readonly number[]> {
  const wanted = namespacesOf(first, inside);
  const machine = namespacesOf(process.pid, inside);
  const kinds = inside.filter((kind) => wanted[kind] !== undefined && wanted[kind] !== machine[kind]);
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && !own.has(Number(name)));
  const isInside = (pid: string) =>
    kinds.some((kind) => linkIfThere(`/proc/${pid}/ns/${kind}`) === wanted[kind]);
  return (await inSlices(pids, (pid) => (isInside(pid) ? Number(pid) : undefined))).filter(
    (pid) => pid !== undefined,
  );
}

async function inSlices<T, R>(items: readonly T[], work: (item: T) => R): Promise<readonly R[]> {
  const results: R[] = [];
  for (const item of items) {
    results.push(work(item));
    if (results.length % slice === 0) await turn();
  }
  return results;
}

function reportOf(pid: number, own: boolean): ProcessReport | undefined {
  const status = readStatus(pid);
  if (status === undefined) return undefined;
  return {
    pid,
    parent: status.parent,
    uid: uidOf(pid),
    name: status.name,
    state: status.state,
    argv: (readIfThere(`/proc/${pid}/cmdline`) ?? "").split("\0").slice(0, -1),
    executable: linkIfThere(`/proc/${pid}/exe`),
    workingFolder: linkIfThere(`/proc/${pid}/cwd`),
    namespaces: namespacesOf(pid, namesIn(`/proc/${pid}/ns`)),
    files: linksIn(`/proc/${pid}/fd`),
    own,
  };
}

function uidOf(pid: number): number {
  return Number(/^Uid:\t(\d+)/m.exec(readIfThere(`/proc/${pid}/status`) ?? "")?.[1] ?? -1);
}

function namespacesOf(pid: number, kinds: readonly string[]): Readonly<Record<string, string>> {
  return linksOf(`/proc/${pid}/ns`, kinds);
}

function linksIn(folder: string): Readonly<Record<string, string>> {
  return linksOf(folder, namesIn(folder).slice(0, most.files));
}

function linksOf(folder: string, names: readonly string[]): Readonly<Record<string, string>> {
  const links = names.map((name) => [name, linkIfThere(`${folder}/${name}`)] as const);
  return Object.fromEntries(links.filter((link): link is readonly [string, string] => link[1] !== undefined));
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // its process has ended
  }
}
