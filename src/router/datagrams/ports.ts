import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { KilnError } from "../../lib/errors.ts";
import { readTextIfExists } from "../../lib/files/files.ts";
import { exec } from "../../lib/process/exec.ts";
import { occupies, parseDatagramListeners } from "../../lib/process/listeners.ts";
import { holderOf, portTaken } from "../haproxy/config/ports.ts";

/**
 * Throws `port_taken` when a program of this machine has one of the ports open for UDP, or another table of Kiln's translates it:
 * the datagrams of one of the two would go astray.
 */
export async function assertDatagramPortsFree(
  ways: readonly Pick<TrafficSpec, "listen" | "address">[],
  own: string,
): Promise<void> {
  if (ways.length === 0) return;
  const ports = ways.map(({ listen }) => listen);
  const tables = await Promise.all(["/proc/net/udp", "/proc/net/udp6"].map(readTextIfExists));
  const open = parseDatagramListeners(...tables.map((table) => table ?? ""));
  const places = ways.map(({ listen, address }) => ({
    port: listen,
    addresses: address === undefined ? undefined : [address],
  }));
  const taken = open.find((socket) => places.some((place) => occupies(socket, place)));
  if (taken !== undefined) throw portTaken(taken.port, await holderOf(taken.inode));
  const { stdout } = await exec(["nft", "-n", "list", "ruleset", "inet"], { accept: "any" });
  const led = ports.find((port) => portsElsewhere(stdout, own).includes(port));
  if (led === undefined) return;
  throw new KilnError(
    "port_taken",
    `UDP port ${led} belongs to a service of another target or installation of Kiln on this machine.`,
    { hint: "Remove that service, or choose another `traffic.listen`." },
  );
}

/** Ports that other tables of this form translate, from what `nft list ruleset` prints. */
export function portsElsewhere(ruleset: string, own: string): readonly number[] {
  let table = "";
  return ruleset.split("\n").flatMap((line) => {
    table = /^table inet (\S+) /.exec(line)?.[1] ?? table;
    const port = /fib daddr type local udp dport (\d+) dnat|ip daddr \S+ udp dport (\d+) dnat/.exec(line);
    return port && table !== own && /^kiln-[0-9a-f]{8}-udp$/.test(table) ? [Number(port[1] ?? port[2])] : [];
  });
}
