import type { YamlTree } from "../../yaml/tree.ts";
import type { Notes } from "../notes.ts";
import type { KnownImage } from "./known-images.ts";

export interface Ports {
  /** `servers.port`. */
  readonly port: number | undefined;
  readonly traffic:
    | { readonly mode?: "tcp" | "udp"; readonly listen: number; readonly address?: string }
    | undefined;
}

interface Published {
  readonly at: YamlTree;
  readonly address: string | undefined;
  readonly listen: number | undefined;
  readonly port: number;
  readonly isUdp: boolean;
}

/** Ports that clients of other protocols than HTTP use: those are passed on as they come. */
const notHttp = new Set([
  21, 22, 25, 53, 143, 389, 443, 465, 587, 636, 993, 1433, 1521, 1883, 2181, 3306, 4222,
]);
for (const port of [5432, 5672, 6379, 6432, 8443, 9042, 9092, 11211, 27017]) notHttp.add(port);

/** The first port of `ports`; a service has one. Without `ports`, the first one of `expose`, or the image's. */
export function portsOf(
  ports: YamlTree | undefined,
  expose: YamlTree | undefined,
  image: KnownImage,
  notes: Notes,
): Ports {
  const [first, ...others] = notes.items(ports).flatMap((item) => publishedBy(item, notes));
  if (first === undefined) {
    const exposed = notes.items(expose).map((item) => Number.parseInt(notes.text(item) ?? "", 10));
    return { port: exposed.find((port) => isPort(port)) ?? image.port, traffic: undefined };
  }
  for (const other of others)
    if (other.port !== first.port || other.at !== first.at)
      notes.remark(
        other.at,
        `A service of Kiln has one port, and ${words(first, other)} is taken: ${words(other, first)} is left out.`,
        "Give the other port a service of its own, or let the first port serve both.",
      );
  const { at, port, address, isUdp } = first;
  if (first.listen === undefined)
    notes.remark(
      at,
      `Compose chooses a port of the machine for ${port}; kiln.yaml names it.`,
      `\`traffic.listen\` is ${port} now: change it if that port is taken.`,
    );
  const listen = first.listen ?? port;
  return {
    port,
    traffic: {
      ...(isUdp ? { mode: "udp" as const } : notHttp.has(port) ? { mode: "tcp" as const } : {}),
      listen,
      ...(address === undefined || address === "0.0.0.0" || address === "::" ? {} : { address }),
    },
  };
}

function publishedBy(item: YamlTree, notes: Notes): readonly Published[] {
  return item.kind === "map" ? longForm(item, notes) : shortForm(item, notes);
}

function longForm(item: YamlTree, notes: Notes): readonly Published[] {
  const entries = notes.entries(item);
  const text = (key: string) => notes.text(entries.get(key)?.value);
  const ports = { address: text("host_ip"), listen: text("published"), port: text("target") ?? "" };
  return checked(item, { ...ports, protocol: text("protocol") ?? "tcp" }, notes);
}

/** `[[ADDRESS:]PORT:]PORT[/PROTOCOL]`, an IPv6 address in brackets. */
function shortForm(item: YamlTree, notes: Notes): readonly Published[] {
  const text = notes.text(item, "a port, such as 8080:80") ?? "";
  const form = /^(?:(?:\[([^\]]+)\]|(\d+(?:\.\d+){3})):)?(?:([\d-]*):)?([\d-]+)(?:\/(\w+))?$/.exec(text);
  if (form === null) {
    notes.error(item, `\`${text}\` is not a port; expected one such as 8080:80 or 127.0.0.1:8080:80.`);
    return [];
  }
  const [, six, four, listen, port = "", protocol = "tcp"] = form;
  return checked(item, { address: six ?? four, listen: listen || undefined, port, protocol }, notes);
}

/** The protocol is named where the other port has another one. */
function words({ port, isUdp }: Published, other: Published): string {
  return isUdp === other.isUdp ? `${port}` : `${port}/${isUdp ? "udp" : "tcp"}`;
}

interface Written {
  readonly address: string | undefined;
  readonly listen: string | undefined;
  readonly port: string;
  readonly protocol: string;
}

function checked(at: YamlTree, written: Written, notes: Notes): readonly Published[] {
  const { address, listen, port } = written;
  const protocol = written.protocol.toLowerCase();
  if (protocol !== "tcp" && protocol !== "udp") {
    notes.remark(
      at,
      `A port of ${protocol.toUpperCase()} is left out: only ports of TCP and UDP are taken over.`,
      "Run what needs it outside Kiln.",
    );
    return [];
  }
  const isUdp = protocol === "udp";
  if (isUdp && address?.includes(":") && address !== "::") {
    notes.remark(
      at,
      `Kiln passes datagrams of UDP on by IPv4 only: ${port} at ${address} is left out.`,
      "Name an IPv4 address of the machine, or none.",
    );
    return [];
  }
  if (port.includes("-") || listen?.includes("-")) {
    notes.remark(
      at,
      `A service of Kiln has one port, not a range (${listen === undefined ? "" : `${listen}:`}${port}).`,
      "Name the one that clients use, as `servers.port` and `traffic.listen`.",
    );
    return [];
  }
  const numbers = { port: Number(port), listen: listen === undefined ? undefined : Number(listen) };
  if (!isPort(numbers.port) || (numbers.listen !== undefined && !isPort(numbers.listen))) {
    notes.error(at, `\`${listen ?? port}\` is not a port; expected a number from 1 to 65535.`);
    return [];
  }
  return [{ at, address, isUdp, ...numbers }];
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}
