import { readTextIfExists } from "../../lib/files.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { RouterMachine } from "./config.ts";
import { routerPaths } from "./paths.ts";

/** What the configuration depends on, read from this machine. */
export async function readMachine(
  state: StateFolder,
  uid = process.getuid?.() ?? -1,
): Promise<RouterMachine> {
  const [users, ipv6] = await Promise.all([
    readTextIfExists("/etc/passwd"),
    readTextIfExists("/proc/net/if_inet6"),
  ]);
  const hasAccount = uid === 0 && /^haproxy:/m.test(users ?? "");
  return {
    paths: routerPaths(state),
    account: hasAccount ? { user: "haproxy", group: "haproxy" } : undefined,
    ipv6: (ipv6 ?? "") !== "",
  };
}
