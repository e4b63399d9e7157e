import { readFileSync } from "node:fs";
import { z } from "zod";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { writeFileAtomic } from "../../../lib/files/files.ts";
import { exec } from "../../../lib/process/exec.ts";
import { chooseSubnet, formatSubnet, overlap, parseSubnet, type Subnet } from "../../linux/addresses.ts";
import type { HostPaths } from "../paths.ts";
import { bridgeName, guardRoute, type Network } from "./commands.ts";
import { readResolvers } from "./resolvers.ts";
import { type Route, routesSchema } from "./state.ts";

export interface Chooser {
  readonly paths: HostPaths;
  readonly tag: string;
  /** Whether a server has an address of the network. */
  readonly inUse: () => boolean;
}

const recordSchema = z.object({ subnet: z.string(), mtu: z.int() });

/**
 * The addresses of this installation: chosen once and recorded. Another choice is made only while no server uses them and a
 * network of others has come to overlap. Throws `platform_unusable` when none is free.
 */
export async function readNetwork({ paths, tag, inUse }: Chooser): Promise<Network> {
  const recorded = recordedNetwork(paths, tag);
  if (recorded && inUse()) return recorded;
  const routes = (await readRoutes()).filter((route) => !isOurs(tag, route));
  if (recorded && !takenBy(routes).some((other) => overlap(other, recorded.subnet))) return recorded;
  return choose(paths, tag, routes);
}

/** The choice on record, for what must be found without making anything. */
export function recordedNetwork(paths: HostPaths, tag: string): Network | undefined {
  try {
    const { subnet, mtu } = recordSchema.parse(JSON.parse(readFileSync(paths.network, "utf8")));
    const parsed = parseSubnet(subnet);
    return parsed && { tag, subnet: parsed, mtu };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function choose(paths: HostPaths, tag: string, routes: readonly Route[]): Promise<Network> {
  const subnet = chooseSubnet(tag, takenBy(routes));
  if (!subnet) {
    throw new KilnError(
      "platform_unusable",
      "No free private network is left for servers within 10.192.0.0/10.",
      {
        hint: "`ip route show table all` lists the networks that this machine knows.",
      },
    );
  }
  const mtu = await linkMtu(routes.find(({ dst }) => dst === "default")?.dev);
  await writeFileAtomic(paths.network, JSON.stringify({ subnet: formatSubnet(subnet), mtu }));
  return { tag, subnet, mtu };
}

/** What an earlier run has left does not count as a foreign network. */
function isOurs(tag: string, { dev, protocol, metric }: Route): boolean {
  const guard = guardRoute(tag);
  return dev === bridgeName(tag) || (protocol === guard.protocol && metric === guard.metric);
}

/** Every network that this machine has a route to or a resolver in. */
function takenBy(routes: readonly Route[]): readonly Subnet[] {
  return [...routes.map(({ dst }) => dst), ...readResolvers().addresses]
    .map(parseSubnet)
    .filter((subnet) => subnet !== undefined);
}

async function readRoutes(): Promise<readonly Route[]> {
  const { stdout } = await exec(["ip", "-json", "-details", "-4", "route", "show", "table", "all"]);
  return routesSchema.parse(JSON.parse(stdout || "[]"));
}

const mtuSchema = z.tuple([z.looseObject({ mtu: z.int() })]);

async function linkMtu(link: string | undefined): Promise<number> {
  if (link === undefined) return 1500;
  const { stdout } = await exec(["ip", "-json", "link", "show", "dev", link]);
  return mtuSchema.parse(JSON.parse(stdout))[0].mtu;
}
