import { readdirSync, statSync } from "node:fs";
import {
  findProcess,
  isAlive,
  linkIfThere,
  type ProcessRef,
  readIfThere,
} from "../../../lib/process/proc.ts";
import { parseAddress } from "../../linux/addresses.ts";
import { installationCgroup } from "../../linux/cgroups.ts";
import { bootId, signalProcess } from "../../linux/processes.ts";
import type { HostContext } from "../context.ts";
import { recordedNetwork } from "../network/choice.ts";
import { namespacePath, portOf } from "../network/commands.ts";
import { recallNamespaces } from "./baseline.ts";
import type { ServerRecord } from "./records.ts";

/** What /proc shows of a process, which identifies its server. */
export interface Whereabouts {
  /** What /proc/PID/ns/KIND links to, of every kind. */
  readonly namespaces: readonly string[];
  /** /proc/PID/cgroup: cgroups(7). */
  readonly cgroups: string;
}

const sigkill = 9;
/** Who is about to be killed may have begun another just before. */
const rounds = 10;

/**
 * SIGKILL to all that is in a namespace of the server and in no cgroup of the installation: it came in from the machine,
 * so neither freezing nor destroying the server would end it. Returns who that was, as `pid 123 (name)`.
 */
export function killStrangers(host: HostContext, record: ServerRecord): readonly string[] {
  const spaces = record.bootId === bootId() ? ownNamespaces(host, record) : new Set<string>();
  if (spaces.size === 0) return [];
  const parent = installationCgroup(host.tag);
  const first = record.running?.process.pid;
  const killed = new Map<string, string>();
  for (let left = rounds; left > 0; left -= 1) {
    const found = processesThat((there) => isStranger(there, spaces, parent));
    const fresh = found.filter((one) => one.pid !== first && !killed.has(keyOf(one)));
    if (fresh.length === 0) break;
    for (const one of fresh) {
      killed.set(keyOf(one), nameOf(one));
      signalProcess(one, sigkill);
    }
  }
  const names = [...killed.values()];
  if (names.length > 0)
    host.log.warn({ server: record.id, killed: names }, "strangers in a server were killed");
  return names;
}

function keyOf({ pid, startTicks }: ProcessRef): string {
  return `${pid} ${startTicks}`;
}

/**
 * Whether it is in one of these namespaces, but in no cgroup below `parent` that is frozen and emptied with its server:
 * with version 1 it may stand elsewhere in every hierarchy, and the one that freezes is meant.
 */
export function isStranger(there: Whereabouts, spaces: ReadonlySet<string>, parent: string): boolean {
  const lines = there.cgroups.split("\n");
  const line =
    lines.find((l) => /^\d+:(.*,)?freezer(,.*)?:/.test(l)) ?? lines.find((l) => l.startsWith("0::"));
  const isOurs = line?.replace(/^\d+:[^:]*:/, "").startsWith(`${parent}/`);
  return !isOurs && there.namespaces.some((link) => spaces.has(link));
}

/**
 * The namespaces that are this server's alone at this moment. Their numbers are given to others as soon as the
 * last process has left, so only those count that something of ours holds: its first process, or the name of the network,
 * which keeps the user namespace that it belongs to.
 */
function ownNamespaces(host: HostContext, record: ServerRecord): ReadonlySet<string> {
  const recalled = recallNamespaces(host.paths, record.id);
  const made = Object.entries(recalled);
  const named = heldByName(host, record);
  const byName = named !== undefined && named === recalled.net ? [named, recalled.user] : [];
  const held = new Set([...heldByProcess(record.running?.process, made), ...byName]);
  const own = made.filter(([kind, link]) => held.has(link) && linkIfThere(`/proc/self/ns/${kind}`) !== link);
  return new Set(own.map(([, link]) => link));
}

function heldByProcess(
  first: ProcessRef | undefined,
  made: readonly (readonly [string, string])[],
): readonly string[] {
  if (first === undefined) return [];
  const links = made.flatMap(([kind]) => linkIfThere(`/proc/${first.pid}/ns/${kind}`) ?? []);
  return isAlive(first) ? links : [];
}

function heldByName(host: HostContext, { id, address }: ServerRecord): string | undefined {
  const network = recordedNetwork(host.paths, host.tag);
  const number = parseAddress(address);
  if (!network || number === undefined) return undefined;
  const path = namespacePath(portOf(network, id, number).namespace);
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && `net:[${stat.ino}]`;
}

function processesThat(isOne: (there: Whereabouts) => boolean): readonly ProcessRef[] {
  return readdirSync("/proc").flatMap((name) => {
    const process = /^\d+$/.test(name) ? findProcess(Number(name)) : undefined;
    const there = process && whereabouts(process);
    return process && there && isOne(there) ? [process] : [];
  });
}

function whereabouts({ pid }: ProcessRef): Whereabouts | undefined {
  const cgroups = readIfThere(`/proc/${pid}/cgroup`);
  if (cgroups === undefined) return undefined;
  const namespaces = ["mnt", "pid", "net", "ipc", "uts", "cgroup", "user", "time"].flatMap(
    (kind) => linkIfThere(`/proc/${pid}/ns/${kind}`) ?? [],
  );
  return { namespaces, cgroups };
}

function nameOf({ pid }: ProcessRef): string {
  return `pid ${pid} (${readIfThere(`/proc/${pid}/comm`)?.trim() ?? ""})`;
}
