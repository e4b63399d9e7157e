import { readdir, readFile, readlink } from "node:fs/promises";
import { KilnError } from "../../lib/errors.ts";
import { readTextIfExists } from "../../lib/files.ts";

/** A listening TCP socket of this network namespace. */
export interface Listener {
  readonly port: number;
  readonly inode: string;
}

/** Throws `port_taken`, naming the program where /proc tells it, when one of the ports has a listener. */
export async function assertPortsFree(ports: readonly number[]): Promise<void> {
  if (ports.length === 0) return;
  const taken = (await listeners()).find((l) => ports.includes(l.port));
  if (taken) throw portTaken(taken.port, await holderOf(taken.inode));
}

/** Every listening TCP socket, of both address families: a door wants the port on all addresses. */
export async function listeners(): Promise<readonly Listener[]> {
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(readTextIfExists));
  return tables.flatMap((table) => parseListeners(table ?? ""));
}

/** Reads a table in the form of proc(5), `/proc/net/tcp`: hexadecimal ports, state 0A is listening. */
export function parseListeners(table: string): readonly Listener[] {
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A")
    .map((fields) => ({
      port: Number.parseInt(fields[1]?.split(":")[1] ?? "", 16),
      inode: fields[9] ?? "",
    }));
}

export function portTaken(port: number, holder: string | undefined): KilnError {
  return new KilnError(
    "port_taken",
    `Port ${port} is taken by ${holder ?? "another program"}, so the router can't listen there.`,
    { hint: "Stop that program, or choose another `traffic.listen`." },
  );
}

/** `nginx (pid 12)`: the process that holds the socket; undefined when it can't be seen. */
async function holderOf(inode: string): Promise<string | undefined> {
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const pid of processes) {
    if (!(await holds(pid, inode))) continue;
    const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "a program");
    return `${name.trim()} (pid ${pid})`;
  }
  return undefined;
}

async function holds(pid: string, inode: string): Promise<boolean> {
  // Processes end while they are looked at, and those of others can't be looked into: both hold nothing for us.
  const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(files.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
  return links.includes(`socket:[${inode}]`);
}
