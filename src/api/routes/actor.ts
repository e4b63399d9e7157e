import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { Actor } from "../../domain/access/actor.ts";
import { exec } from "../../lib/process/exec.ts";
import { linkIfThere, readIfThere } from "../../lib/process/proc.ts";

/** The process at the other end of a connection, as the kernel tells. */
interface Peer {
  readonly uid: number;
  readonly loginUid: number | undefined;
}

/** What a header states of who asks is recorded as far as it is a line of text. */
const statedForm = /^[^\p{Cc}]{1,200}$/u;

/**
 * Who is at the other end of a Unix socket. Node.js has no SO_PEERCRED; the kernel reports to ss(8) which sockets
 * belong together and which process holds each, and /proc has that process's user. Where that fails, the uid is the socket
 * owner's: only the owner and root can open the socket. `stated` is the client's own statement, recorded as such.
 */
export async function actorOf(socket: Socket, stated: unknown): Promise<Actor> {
  const { uid, loginUid } = (await peerOf(socket).catch(() => undefined)) ?? {
    uid: process.getuid?.() ?? 0,
    loginUid: undefined,
  };
  const words = statedWords(stated);
  return {
    via: "socket",
    name: userName(loginUid ?? uid),
    uid,
    ...(loginUid === undefined ? {} : { loginUid }),
    ...(words === undefined ? {} : { stated: words }),
  };
}

/** Undefined unless one login and one user hold the other end. */
async function peerOf(socket: Socket): Promise<Peer | undefined> {
  const own = inodeOf("self", fdOf(socket));
  if (own === undefined) return undefined;
  const { stdout } = await exec(["ss", "--unix", "--no-header", "--processes"]);
  const peers = holders(stdout, own).map((pid) => ({ uid: userOf(pid), loginUid: loginOf(pid) }));
  const [first, ...others] = peers;
  if (first?.uid === undefined) return undefined;
  const isOne = others.every(({ uid, loginUid }) => uid === first.uid && loginUid === first.loginUid);
  return isOne ? { uid: first.uid, loginUid: first.loginUid } : undefined;
}

/** No part of Node.js's documented interface: undefined when a version has it no more. */
function fdOf(socket: Socket): number | undefined {
  return (socket as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
}

/**
 * The processes at the other end of the socket `own`, in what `ss --unix --processes` prints: its last columns are the
 * inodes of both ends and `users:(("node",pid=4711,fd=20))`. A name may look like such an entry, so each is checked.
 */
function holders(table: string, own: string): readonly string[] {
  const line = new RegExp(`\\s(\\d+)\\s+\\S+\\s+${own}\\s+users:(.*)$`, "m").exec(table);
  if (line === null) return [];
  const [, inode, users = ""] = line;
  return [...users.matchAll(/pid=(\d+),fd=(\d+)/g)].flatMap(([, pid = "", fd]) =>
    inodeOf(pid, Number(fd)) === inode ? [pid] : [],
  );
}

/** The number in `socket:[4711]`, proc(5) `/proc/pid/fd`. */
function inodeOf(pid: string, fd: number | undefined): string | undefined {
  return /^socket:\[(\d+)\]$/.exec(linkIfThere(`/proc/${pid}/fd/${fd}`) ?? "")?.[1];
}

/** The effective user, proc(5) `status`. */
function userOf(pid: string): number | undefined {
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(readIfThere(`/proc/${pid}/status`) ?? "")?.[1];
  return uid === undefined ? undefined : Number(uid);
}

/** The largest number means that no one logged in: proc(5) `loginuid`. */
function loginOf(pid: string): number | undefined {
  const text = readIfThere(`/proc/${pid}/loginuid`)?.trim();
  return text === undefined || !/^\d+$/.test(text) || text === "4294967295" ? undefined : Number(text);
}

/** passwd(5); a uid without an entry is a name too. */
function userName(uid: number): string {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  const entry = lines.map((line) => line.split(":")).find(([, , id]) => id === String(uid));
  return entry?.[0] ?? `uid ${uid}`;
}

function statedWords(header: unknown): string | undefined {
  if (typeof header !== "string") return undefined;
  try {
    const words = decodeURIComponent(header);
    return statedForm.test(words) ? words : undefined;
  } catch {
    return undefined;
  }
}
