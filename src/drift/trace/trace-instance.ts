import { existsSync, mkdirSync, readFileSync, rmdirSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../../lib/errors.ts";
import { exec } from "../../lib/process/exec.ts";
import { readIfThere } from "../../lib/process/proc.ts";

/** What is traced, in the kernel's own words; a filter keeps all else from costing more than a comparison. */
const events: readonly { readonly event: string; readonly filter?: string; readonly needed?: true }[] = [
  { event: "syscalls/sys_exit_setns", filter: "ret == 0", needed: true },
  { event: "syscalls/sys_exit_listen", filter: "ret == 0" },
  // packet filters: AF_NETLINK with NETLINK_NETFILTER, and IPT_, ARPT_ and EBT_SO_SET_… of setsockopt(2)
  { event: "syscalls/sys_enter_socket", filter: "family == 16 && protocol == 12" },
  {
    event: "syscalls/sys_enter_setsockopt",
    filter:
      "(level == 0 && (optname == 64 || optname == 96 || optname == 128)) || (level == 41 && optname == 64)",
  },
  { event: "cgroup/cgroup_attach_task", needed: true },
  ...["mount", "umount", "move_mount", "mount_setattr", "pivot_root"].map((call) => {
    return { event: `syscalls/sys_exit_${call}`, filter: "ret == 0" };
  }),
  // PTRACE_ATTACH and PTRACE_SEIZE of ptrace(2)
  { event: "syscalls/sys_enter_ptrace", filter: "request == 16 || request == 0x4206" },
  { event: "syscalls/sys_exit_ptrace", filter: "ret < 0" },
  { event: "syscalls/sys_enter_process_vm_writev" },
  // writing nothing succeeds without permission: it is no more than a failure
  { event: "syscalls/sys_exit_process_vm_writev", filter: "ret <= 0" },
  { event: "syscalls/sys_enter_pidfd_getfd" },
  { event: "syscalls/sys_exit_pidfd_getfd", filter: "ret < 0" },
  // resource limits of others: programs set their own with pid 0
  { event: "syscalls/sys_enter_prlimit64", filter: "pid != 0 && new_rlim != 0" },
  { event: "syscalls/sys_exit_prlimit64", filter: "ret < 0" },
  { event: "oom/oom_score_adj_update" },
  // programs that are run by a file descriptor: they may lie in memory alone
  { event: "sched/sched_process_exec", filter: 'filename ~ "/dev/fd/*" || filename ~ "/proc/*"' },
];

/** A trace buffer of our own, apart from what others on this machine trace. */
export interface TraceInstance {
  /** The file that gives each event once, to its first reader. */
  readonly pipe: string;
  /** The file that shows all events that no reader has taken from the pipe. */
  readonly buffer: string;
  /** Folders of the trace settings. */
  readonly folders: readonly string[];
  /** Whether everything is still traced as it was asked for. */
  isIntact(): boolean;
  /** Stops tracing and gives the buffer back; the kernel refuses while a program reads. */
  remove(): void;
}

/**
 * Begins to trace in an instance of this name. Throws where the kernel or its owner does not allow it.
 */
export async function openTrace(name: string): Promise<TraceInstance> {
  const root = await findTracefs();
  const instance = makeInstance(join(root, "instances", name));
  const enabled = events.flatMap(({ event, filter, needed }) => {
    const path = join(instance, "events", event);
    if (!existsSync(path) && !needed) return [];
    if (filter !== undefined) writeFileSync(join(path, "filter"), filter);
    writeFileSync(join(path, "enable"), "1");
    return [path];
  });
  writeFileSync(join(instance, "tracing_on"), "1");
  const states = [
    join(instance, "tracing_on"),
    ...enabled.flatMap((path) => [join(path, "enable"), join(path, "filter")]),
  ];
  const asked = states.map((path) => readFileSync(path, "utf8"));
  return {
    pipe: join(instance, "trace_pipe"),
    buffer: join(instance, "trace"),
    folders: [instance, ...enabled],
    isIntact: () => states.every((path, i) => readIfThere(path) === asked[i]),
    remove: () => void removeInstance(instance),
  };
}

/**
 * Calls back as soon as a program writes to the trace settings, even if it restores them an instant later: the events
 * in between would be missing. Ends with the instance.
 */
export function watchTrace({ folders }: TraceInstance, written: () => void): Disposable {
  const watchers = folders.flatMap((folder) => {
    try {
      return [watch(folder, { persistent: false }, written).on("error", () => {})];
    } catch {
      return []; // no watch is left to give: the canary sees it, if it lasts
    }
  });
  return { [Symbol.dispose]: () => watchers.forEach((watcher) => void watcher.close()) };
}

/** Where systemd mounts it, and where it was before Linux 4.1. */
const places = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"] as const;

/** Mounts it in its usual place, for root alone, unless it is mounted; there it stays, like on other machines. */
async function findTracefs(): Promise<string> {
  const isThere = (place: string) => existsSync(join(place, "instances"));
  const found = places.find(isThere);
  if (found !== undefined) return found;
  const [usual] = places;
  await exec(["mount", "-t", "tracefs", "-o", "nosuid,nodev,noexec,mode=700", "tracefs", usual]);
  return usual;
}

/** Another reader of an instance takes events away from us: then ours gets another name. */
const mostNames = 8;

/** What a killed controller has left goes first. */
function makeInstance(path: string): string {
  const paths = [path, ...Array.from({ length: mostNames - 1 }, (_, i) => `${path}-${i + 2}`)];
  const free = paths.filter((candidate) => removeInstance(candidate))[0] ?? path;
  mkdirSync(free);
  return free;
}

/** False while a program reads it. */
function removeInstance(instance: string): boolean {
  try {
    rmdirSync(instance);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return true;
    if (isErrno(error, "EBUSY")) return false;
    throw error;
  }
}
