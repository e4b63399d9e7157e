import { createHash } from "node:crypto";
import { readTextIfExists } from "../../lib/files/files.ts";
import { exec } from "../../lib/process/exec.ts";

/** A flow of datagrams between a client and the server that its first one came to. */
export interface Flow {
  /** As the client sends. */
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** What answers: the server. */
  readonly server: string;
  readonly serverPort: number;
  /** For how long no datagram of it has passed, in whole seconds, rounded up. */
  readonly silentSeconds: number;
}

/** How long connection tracking remembers a flow, in seconds (nf_conntrack-sysctl). */
export interface Timeouts {
  readonly first: number;
  readonly stream: number;
}

/** Longest answer of a server that is waited for: a flow that was silent for longer is between two questions. */
const answerSeconds = 2;

export function isQuiet({ silentSeconds }: Flow): boolean {
  return silentSeconds > answerSeconds;
}

/** Longest that the program may take on a busy machine: it reads the whole table each time. */
const timeoutMs = 20_000;
/** What it ends with when no entry fits. */
const noneFound = 1;

/** A number from 0 to 1, spread evenly over flows: when a flow is moved. */
export function momentOf(flow: Flow): number {
  const key = `${flow.source} ${flow.sourcePort} ${flow.destination} ${flow.destinationPort}`;
  return createHash("sha256").update(key).digest().readUInt32BE(0) / 2 ** 32;
}

/** Reads what `conntrack -L -p udp` prints, conntrack-tools 1.4: first the direction of the client, then that of the server. */
export function parseFlows(text: string, timeouts: Timeouts): readonly Flow[] {
  return text.split("\n").flatMap((line) => {
    const left = /^udp\s+17 (\d+) /.exec(line)?.[1];
    const [one, two] = [...line.matchAll(/src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g)];
    if (left === undefined || one === undefined || two === undefined) return [];
    const whole = line.includes("[ASSURED]") ? timeouts.stream : timeouts.first;
    return {
      ...{ source: one[1] ?? "", destination: one[2] ?? "" },
      ...{ sourcePort: Number(one[3]), destinationPort: Number(one[4]) },
      ...{ server: two[1] ?? "", serverPort: Number(two[3]) },
      silentSeconds: Math.max(0, whole - Number(left)),
    };
  });
}

/** Every flow of UDP that connection tracking knows, by IPv4. Throws `tool_missing`. */
export async function readFlows(): Promise<readonly Flow[]> {
  const [{ stdout }, first, stream] = await Promise.all([
    exec(["conntrack", "-L", "-f", "ipv4", "-p", "udp"], { timeoutMs }),
    seconds("nf_conntrack_udp_timeout", 30),
    seconds("nf_conntrack_udp_timeout_stream", 120),
  ]);
  return parseFlows(stdout, { first, stream });
}

async function seconds(name: string, usual: number): Promise<number> {
  return Number((await readTextIfExists(`/proc/sys/net/netfilter/${name}`)) ?? usual);
}

/** The next datagram finds another server. A flow that has ended meanwhile is not an error. */
export async function endFlow({ source, sourcePort, destination, destinationPort }: Flow): Promise<void> {
  const client = ["-s", source, "--sport", `${sourcePort}`] as const;
  const asked = ["-d", destination, "--dport", `${destinationPort}`] as const;
  await exec(["conntrack", "-D", "-p", "udp", ...client, ...asked], { accept: [0, noneFound], timeoutMs });
}

/** The same of all flows with a server. */
export async function endFlowsOf(server: string, port: number): Promise<void> {
  const at = ["-r", server, "--reply-port-src", `${port}`] as const;
  await exec(["conntrack", "-D", "-p", "udp", ...at], { accept: [0, noneFound], timeoutMs });
}
