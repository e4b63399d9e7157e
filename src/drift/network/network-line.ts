import type { ServerNetwork } from "../../platform/linux/subject.ts";
import type { Difference } from "../checks/check.ts";
import { ruleDifference } from "./network-inside.ts";

/** What the kernel reports of a network namespace other than this process's own: one line of `ip -o monitor label all-nsid`, or of filter-events.ts. */
export interface NetworkLine {
  /** The number by which this process's namespace knows the other, ip-netns(8). */
  readonly nsid: number;
  readonly about: "LINK" | "ADDR" | "ROUTE" | "RULE" | "NETCONF" | "FILTER";
  /** Whether it reports something that is gone. */
  readonly isGone: boolean;
  /** As the command would list it. Names of links belong to this process's namespace: do not rely on them. */
  readonly text: string;
}

/** Undefined for a line about this process's own namespace, and for other lines. */
export function parseNetworkLine(line: string): NetworkLine | undefined {
  const match = /^\[nsid (\d+)\]\[(LINK|ADDR|ROUTE|RULE|NETCONF|FILTER)\](Deleted )?(.*)$/.exec(line);
  if (!match) return undefined;
  const [, nsid, about, gone, text = ""] = match;
  return {
    nsid: Number(nsid),
    about: about as NetworkLine["about"],
    isGone: gone !== undefined,
    text: text.trim().replace(/\s+/g, " "),
  };
}

/** What /proc does not show but the line itself does: rules, settings, and routes in all their detail. */
export function differenceOf(
  { about, isGone, text }: NetworkLine,
  asked: ServerNetwork,
): Difference | undefined {
  if (about === "RULE")
    return ruleDifference(
      text,
      isGone ? "has lost a routing rule" : "has a routing rule that Kiln did not make",
    );
  if (isGone) return undefined;
  if (about === "NETCONF") return settingDifference(text);
  return about === "ROUTE" ? routeDifference(text, asked) : undefined;
}

/** `inet all forwarding on`, `inet6 eth0 forwarding on`. */
function settingDifference(text: string): Difference {
  const [family = "", link = "", ...setting] = text.split(" ");
  const where = link === "all" || link === "default" ? `${family} ${link}` : `${family} of a link`;
  const what = `${where} ${setting.join(" ")}`;
  const detail = `a setting of its network namespace (sysctl) was changed: ${what}`;
  return { kind: "network", subject: `sysctl ${what}`, detail };
}

/** Those that follow from an address or a link the kernel makes itself, and any other of that name shows in /proc. */
function routeDifference(text: string, { gateway, ipv6 }: ServerNetwork): Difference | undefined {
  // What follows from the state of the link is not the route's own: ip-route(8), "nexthop flags".
  const route = text.replace(/ dev \S+| dead\b| linkdown\b/g, "");
  if (/ proto kernel\b/.test(route) || route === `default via ${gateway}`) return undefined;
  if (ipv6 && route === `default via ${ipv6.gateway} metric 1024 pref medium`) return undefined;
  const detail = `its network namespace has a route that Kiln did not make: ${route}`;
  return { kind: "network", subject: `route ${route}`, detail };
}
