import { readTextIfExists } from "../../lib/files.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { RouterMachine } from "./config.ts";
import { routerPaths } from "./paths.ts";

/** More would cost memory from the start. */
const mostOpenFiles = 40_000;

/** What the configuration depends on, read from this machine. */
export async function readMachine(
  state: StateFolder,
  uid = process.getuid?.() ?? -1,
): Promise<RouterMachine> {
  const [users, ipv6, limits] = await Promise.all(
    ["/etc/passwd", "/proc/net/if_inet6", "/proc/self/limits"].map(readTextIfExists),
  );
  const hasAccount = uid === 0 && /^haproxy:/m.test(users ?? "");
  return {
    paths: routerPaths(state),
    account: hasAccount ? { user: "haproxy", group: "haproxy" } : undefined,
    ipv6: (ipv6 ?? "") !== "",
    openFiles: Math.min(mostOpenFiles, mostFilesIn(limits ?? "")),
  };
}

/** The hard limit in the form of proc(5), `/proc/PID/limits`, which HAProxy inherits. */
function mostFilesIn(limits: string): number {
  return Number(/^Max open files +\S+ +(\d+)/m.exec(limits)?.[1] ?? mostOpenFiles);
}
