import { readIfThere } from "../../../lib/process/proc.ts";

/** RFC 8200 section 5: links that take less carry no IPv6. */
const leastMtu = 1280;

/** Where a machine may have IPv6 switched off: ip-sysctl of the kernel, and its parameter `ipv6.disable_ipv6`. */
const switches = [
  ...["/proc/sys/net/ipv6/conf/all/disable_ipv6", "/proc/sys/net/ipv6/conf/default/disable_ipv6"],
  "/sys/module/ipv6/parameters/disable_ipv6",
];

/** Why servers of this machine have no IPv6: the end of a sentence. Undefined: they have it. */
export function whyNoIpv6(mtu = leastMtu): string | undefined {
  if (readIfThere("/proc/net/if_inet6") === undefined) return "the kernel has none (`ipv6.disable=1`)";
  const off = switches.find((file) => readIfThere(file)?.trim() === "1");
  if (off !== undefined) return `${off} is 1`;
  return mtu < leastMtu
    ? `the way out of the machine takes ${mtu} bytes, and IPv6 needs ${leastMtu}`
    : undefined;
}
