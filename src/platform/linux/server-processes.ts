import { readdirSync } from "node:fs";
import { readIfThere } from "../../lib/process/proc.ts";

/**
 * For tests: the processes of servers, by the id that Kiln gives each in its environment. Several installations of a machine may have servers of the same id:
 * only processes whose cgroup, /proc/PID/cgroup of cgroups(7), has `within` in its path count.
 */
export function serverProcesses(within: string, isIt: (server: string) => boolean): readonly number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    if (!readIfThere(`/proc/${pid}/cgroup`)?.includes(within)) return false;
    const server = /(?:^|\0)KILN_SERVER=([^\0]*)/.exec(readIfThere(`/proc/${pid}/environ`) ?? "")?.[1];
    return server !== undefined && isIt(server);
  });
}
