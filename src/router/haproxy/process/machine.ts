import { existsSync } from "node:fs";
import { readTextIfExists } from "../../../lib/files/files.ts";
import type { StateFolder } from "../../../lib/state-folder.ts";
import { accountThumbprint } from "../../acme/account.ts";
import type { RouterMachine } from "../config/router-machine.ts";
import { routerPaths } from "../paths.ts";

/** What the configuration depends on, read from this machine. */
export async function readMachine(
  state: StateFolder,
  uid = process.getuid?.() ?? -1,
): Promise<RouterMachine> {
  const [users, ipv6, limits] = await Promise.all(
    ["/etc/passwd", "/proc/net/if_inet6", "/proc/self/limits"].map(readTextIfExists),
  );
  const thumbprint = await accountThumbprint(state.acme);
  const paths = routerPaths(state);
  const hasAccount = uid === 0 && /^haproxy:/m.test(users ?? "");
  return {
    paths,
    takesAccessLog: existsSync(paths.accessPipe),
    account: hasAccount ? { user: "haproxy", group: "haproxy" } : undefined,
    ...(thumbprint === undefined ? {} : { thumbprint }),
    ipv6: (ipv6 ?? "") !== "",
    openFiles: openFilesIn(limits ?? ""),
  };
}

const mostOpenFiles = 100_000;

/** From `/proc/PID/limits` (proc(5)): the hard limit, up to which HAProxy raises its own. */
export function openFilesIn(limits: string): number {
  const hard = /^Max open files +\S+ +(\d+)/m.exec(limits)?.[1];
  return Math.min(mostOpenFiles, Number(hard ?? mostOpenFiles));
}
