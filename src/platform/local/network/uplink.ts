import { z } from "zod";
import { exec } from "../../../lib/process/exec.ts";
import type { Network } from "./commands.ts";
import { type NetworkState, type Route, routesSchema, somewhere } from "./state.ts";

/** Links of servers, by the largest packet in bytes that they take. Absent: it was made by a Kiln that did not record it. */
export type ServerLinks = readonly { readonly mtu?: number | undefined }[];

/** Largest packet in bytes that the way out of the machine takes; undefined while there is none. */
export function uplinkMtuOf({ links, uplink }: Pick<NetworkState, "links" | "uplink">): number | undefined {
  const mtu = uplink?.dev === undefined ? undefined : links.get(uplink.dev)?.mtu;
  return mtu === undefined ? undefined : Math.min(mtu, ofRoute(uplink) ?? mtu);
}

/** `ip route add … mtu N`, as cloud-init and others do. What a router on the way has said of one address expires, and says nothing of others. */
function ofRoute(route: Route | undefined): number | undefined {
  if (route?.expires !== undefined) return undefined;
  return route?.metrics?.find(({ mtu }) => mtu !== undefined)?.mtu;
}

/** Asks the kernel now. */
export async function readUplinkMtu(): Promise<number | undefined> {
  const { stdout } = await exec(["ip", "-json", "-details", "route", "get", somewhere], { accept: "any" });
  const [uplink] = routesSchema.parse(JSON.parse(stdout || "[]"));
  if (uplink?.dev === undefined) return undefined;
  const shown = await exec(["ip", "-json", "link", "show", "dev", uplink.dev], { accept: "any" });
  const [link] = z.array(z.object({ mtu: z.int() })).parse(JSON.parse(shown.stdout || "[]"));
  return link && Math.min(link.mtu, ofRoute(uplink) ?? link.mtu);
}

/**
 * The network with the MTU of the way out. A server keeps the link that it was made with, so the bridge takes no more than the smallest
 * of them: what came to a smaller one would be dropped without a word. A link may take more than the way out does: then the machine says so (ICMP).
 */
export function withMtu(network: Network, uplink: number | undefined, links: ServerLinks): Network {
  const mtu = uplink ?? network.mtu;
  const unknown = Math.min(network.mtu, network.bridgeMtu ?? network.mtu);
  const least = Math.min(mtu, ...links.map((link) => link.mtu ?? unknown));
  const { bridgeMtu: _, ...rest } = network;
  return { ...rest, mtu, ...(least < mtu ? { bridgeMtu: least } : {}) };
}

export function isOutdated(network: Network, uplink: number | undefined, links: ServerLinks): boolean {
  const now = withMtu(network, uplink, links);
  return now.mtu !== network.mtu || now.bridgeMtu !== network.bridgeMtu;
}
