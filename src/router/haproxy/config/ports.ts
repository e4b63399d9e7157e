import { readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { KilnError, toKilnError } from "../../../lib/errors.ts";
import { readTextIfExists } from "../../../lib/files/files.ts";
import type { Logger } from "../../../lib/log.ts";
import { type Listener, type ListenPlace, occupies, parseListeners } from "../../../lib/process/listeners.ts";

/**
 * Throws `port_taken`, naming the program where /proc shows it, when one of the places has a listener, and `not_root`
 * when the system keeps it for privileged programs. Found before a reload is tried: a failing one holds up the others.
 */
export async function assertPortsFree(places: readonly ListenPlace[]): Promise<void> {
  if (places.length === 0) return;
  const [status = "", lowest] = await Promise.all(
    ["/proc/self/status", "/proc/sys/net/ipv4/ip_unprivileged_port_start"].map(readTextIfExists),
  );
  const refused = places.find(({ port }) => port < Number(lowest ?? 1024) && !mayBindAnyPort(status));
  if (refused !== undefined) throw portPrivileged(refused.port, Number(lowest ?? 1024));
  const taken = (await listeners()).find((listener) => places.some((place) => occupies(listener, place)));
  if (taken) throw portTaken(taken.port, await holderOf(taken.inode));
}

/** CAP_NET_BIND_SERVICE of capabilities(7), number 10, in the form of `/proc/self/status`. */
export function mayBindAnyPort(status: string): boolean {
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> 10n) & 1n) === 1n;
}

function portPrivileged(port: number, lowest: number): KilnError {
  return new KilnError("not_root", `Only root can open port ${port} on this machine.`, {
    hint: `Choose a \`traffic.listen\` of ${lowest} or above, or run the controller as root.`,
  });
}

/** Every listening TCP socket of this network namespace, of both address families: a frontend wants the port on all addresses. */
export async function listeners(): Promise<readonly Listener[]> {
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(readTextIfExists));
  return parseListeners(...tables.map((table) => table ?? ""));
}

/**
 * While two routers have a port, each new connection waits at one of them. When that one closes the port, the kernel passes on to the
 * other what is not accepted yet, rather than to reset it (ip-sysctl, `tcp_migrate_req`, Linux 5.14).
 */
export async function letConnectionsMigrate(log: Logger): Promise<void> {
  try {
    await writeFile("/proc/sys/net/ipv4/tcp_migrate_req", "1", { flag: "r+" });
  } catch (error) {
    log.warn(
      { err: toKilnError(error) },
      "a port changes hands, and the kernel may reset a few new connections",
    );
  }
}

export function portTaken(port: number, holder: string | undefined): KilnError {
  return new KilnError(
    "port_taken",
    `Port ${port} is taken by ${holder ?? "another program"}, so the router can't listen there.`,
    { hint: "Stop that program, or choose another `traffic.listen`." },
  );
}

/** `nginx (pid 12)`: the process that holds the socket; undefined when it can't be seen. */
export async function holderOf(inode: string): Promise<string | undefined> {
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const pid of processes) {
    if (!(await holds(pid, inode))) continue;
    const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "a program");
    return `${name.trim()} (pid ${pid})`;
  }
  return undefined;
}

async function holds(pid: string, inode: string): Promise<boolean> {
  // Processes end while they are looked at, and other users' processes can't be looked into: both count as holding nothing.
  const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(files.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
  return links.includes(`socket:[${inode}]`);
}
