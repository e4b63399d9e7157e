import type { YamlTree } from "../../yaml/tree.ts";
import type { Notes } from "../notes.ts";
import type { KnownImage } from "./known-images.ts";

export interface Ports {
  /** `servers.port`. */
  readonly port: number | undefined;
  readonly traffic: { readonly mode?: "tcp"; readonly listen: number; readonly address?: string } | undefined;
}

interface Published {
  readonly at: YamlTree;
  readonly address: string | undefined;
  readonly listen: number | undefined;
  readonly port: number;
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
  for (const { at, port } of others)
    if (port !== first?.port || at !== first.at)
      notes.remark(
        at,
        `A service of Kiln has one port, and ${first?.port} is taken: ${port} is left out.`,
        "Give the other port a service of its own, or let the first port serve both.",
      );
  if (first === undefined) {
    const exposed = notes.items(expose).map((item) => Number.parseInt(notes.text(item) ?? "", 10));
    return { port: exposed.find((port) => isPort(port)) ?? image.port, traffic: undefined };
  }
  const { at, port, address } = first;
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
      ...(notHttp.has(port) ? { mode: "tcp" as const } : {}),
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
  if (!isTcp(text("protocol") ?? "tcp", item, notes)) return [];
  const published = text("published");
  return checked(item, { address: text("host_ip"), listen: published, port: text("target") ?? "" }, notes);
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
  if (!isTcp(protocol, item, notes)) return [];
  return checked(item, { address: six ?? four, listen: listen || undefined, port }, notes);
}

function isTcp(protocol: string, at: YamlTree, notes: Notes): boolean {
  if (protocol.toLowerCase() === "tcp") return true;
  notes.remark(
    at,
    `A port of ${protocol.toUpperCase()} is left out: only ports of TCP are taken over.`,
    "A service whose port is of UDP has `traffic.mode: udp`.",
  );
  return false;
}

interface Written {
  readonly address: string | undefined;
  readonly listen: string | undefined;
  readonly port: string;
}

function checked(at: YamlTree, { address, listen, port }: Written, notes: Notes): readonly Published[] {
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
  return [{ at, address, ...numbers }];
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}
