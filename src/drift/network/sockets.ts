/** A socket of a network namespace that waits for what others send, as proc_net(5) lists it. */
export interface WaitingSocket {
  /** Of sockfs: what /proc/PID/fd/N of who holds it links to, `socket:[INODE]`. */
  readonly inode: string;
  /** For people: `tcp port 8080`. */
  readonly what: string;
}

/** Files of /proc/PID/net that list such sockets. */
export const socketFiles = [
  ...(["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "packet", "unix"] as const),
];
type SocketFile = (typeof socketFiles)[number];

/** TCP_LISTEN of linux/tcp_states.h. */
const listening = "0A";
/** __SO_ACCEPTCON of linux/net.h. */
const accepting = 0x10000;

/** Sockets that listen, or take packets without listening; inode 0 marks a socket without a holder. */
export function waitingSockets(file: SocketFile, text: string): readonly WaitingSocket[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => parseSocket(file, line.trim().split(/\s+/)) ?? [])
    .filter(({ inode }) => /^[1-9]\d*$/.test(inode));
}

function parseSocket(file: SocketFile, columns: readonly string[]): WaitingSocket | undefined {
  if (file === "packet") return { inode: columns[8] ?? "", what: "packets of a link" };
  if (file === "unix") {
    const waits = (Number.parseInt(columns[3] ?? "0", 16) & accepting) !== 0;
    return waits ? { inode: columns[6] ?? "", what: `unix ${columns[7] ?? "without a name"}` } : undefined;
  }
  if (file.startsWith("tcp") && columns[3] !== listening) return undefined;
  const port = Number.parseInt(columns[1]?.split(":")[1] ?? "0", 16);
  return { inode: columns[9] ?? "", what: `${file} ${file.startsWith("raw") ? "protocol" : "port"} ${port}` };
}
