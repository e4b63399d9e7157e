import type { Socket } from "node:net";
import { readIfThere } from "../../lib/process/proc.ts";

const known = new WeakMap<Socket, number>();

/** The user whose process is at the other end of a connection over 127.0.0.1; undefined when it is not listed. */
export function peerUser(socket: Socket): number | undefined {
  const user = known.get(socket) ?? look(socket) ?? look(socket);
  if (user !== undefined) known.set(socket, user);
  return user;
}

/** The table changes while it is read, and a line may be missed: a second look finds it. */
function look({ remotePort, localPort }: Socket): number | undefined {
  return userIn(readIfThere("/proc/net/tcp") ?? "", remotePort, localPort);
}

/** In proc(5) `/proc/net/tcp`: addresses are `0100007F:1F90`, the columns after them `st tx:rx tr:tm retrnsmt uid`. */
export function userIn(table: string, from: number | undefined, to: number | undefined): number | undefined {
  if (from === undefined || to === undefined) return undefined;
  const [a, b] = [from, to].map((port) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`);
  const line = table.split("\n").find((text) => text.includes(` ${a} ${b} `));
  const user = line?.trim().split(/\s+/)[7];
  return user === undefined ? undefined : Number(user);
}
