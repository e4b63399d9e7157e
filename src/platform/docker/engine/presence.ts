import { readdirSync, statSync } from "node:fs";
import { linkIfThere, readIfThere } from "../../../lib/process/proc.ts";

/**
 * Which processes are the engine's own while it starts. With live-restore it finds running containers then and enters their networks, before it
 * answers any request. What it does there later, someone has asked it for.
 */
export interface EnginePresence {
  /** It answers: from now on no visit is its own. */
  answers(): void;
  /** Its line has ended: another process of it may start. */
  lost(): void;
  /** Whether it starts, and this process or thread is of it. One that has ended meanwhile counts as such. */
  isStarting(pid: number): boolean;
}

export function enginePresence(socket: string): EnginePresence {
  let isAnswering = false;
  return {
    answers: () => {
      isAnswering = true;
    },
    lost: () => {
      isAnswering = false;
    },
    isStarting: (pid) => !isAnswering && isOfEngine(pid, socket),
  };
}

/**
 * The engine listens on its socket, which is root's, before it looks at containers. In a container's network it is there itself, as a copy of
 * itself (`setup-resolver` of 20.10), or by a program that one of both calls: iptables, for its name server.
 */
function isOfEngine(pid: number, socket: string): boolean {
  const inodes = listeningInodes(readIfThere("/proc/net/unix") ?? "", socket);
  const own = numberIn(pid, "Tgid");
  if (own === undefined || programOf(pid) === undefined) return true;
  // systemd holds the socket too, where it listens for the engine.
  const isEngine = (at: number) => at > 1 && holds(at, inodes);
  if (isEngine(own)) return true;
  const caller = numberIn(own, "PPid");
  if (caller === undefined || isEngine(caller)) return true;
  const above = numberIn(caller, "PPid");
  return above !== undefined && isEngine(above) && programOf(above) === programOf(caller);
}

/** A field of /proc/PID/status, proc(5); undefined when the process has ended. */
function numberIn(pid: number, field: "Tgid" | "PPid"): number | undefined {
  const status = readIfThere(`/proc/${pid}/status`);
  return status === undefined ? undefined : Number(new RegExp(`^${field}:\\t(\\d+)$`, "m").exec(status)?.[1]);
}

/** The file, not its name: `/proc/self/exe` of another program has that name too. */
function programOf(pid: number): string | undefined {
  try {
    const found = statSync(`/proc/${pid}/exe`, { throwIfNoEntry: false });
    return found && `${found.dev}:${found.ino}`;
  } catch {
    return undefined; // it ended meanwhile
  }
}

/** __SO_ACCEPTCON of include/linux/net.h, a flag in the fourth column of /proc/net/unix, proc(5). */
const accepts = 0x1_0000;

/** Pure: `Num RefCount Protocol Flags Type St Inode Path`. */
export function listeningInodes(table: string, socket: string): ReadonlySet<string> {
  const rows = table.split("\n").map((line) => line.trim().split(/\s+/));
  const found = rows.filter(
    ([, , , flags = "", , , , path]) => path === socket && (Number.parseInt(flags, 16) & accepts) !== 0,
  );
  return new Set(found.map(([, , , , , , inode = ""]) => `socket:[${inode}]`));
}

function holds(pid: number, links: ReadonlySet<string>): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => links.has(linkIfThere(`${folder}/${fd}`) ?? ""));
  } catch {
    return false; // it ended meanwhile
  }
}
