import { readdirSync } from "node:fs";
import type { ServerId } from "../../domain/ids.ts";
import { readIfThere } from "../../lib/process/proc.ts";
import { findProgram } from "../local/programs.ts";
import { whyNoContainers } from "../local/test-host.ts";

/** Why tests with virtual machines cannot run here, or undefined when they can. */
export function whyNoMachines(): string | undefined {
  if (process.arch !== "x64") return "machines need a processor with x86-64";
  try {
    findProgram("qemu-system-x86_64");
  } catch {
    return "qemu-system-x86_64 is not installed";
  }
  return whyNoContainers();
}

/** Numbers of the hypervisors of an installation, by server: what runs in cgroups with this tag. */
export function hypervisorsOf(tag: string): ReadonlyMap<ServerId, number> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = pids.flatMap((pid) => {
    const server = readIfThere(`/proc/${pid}/cgroup`)?.match(`/kiln-${tag}/(\\S+)`)?.[1];
    const isOne = readIfThere(`/proc/${pid}/comm`)?.startsWith("qemu-system") ?? false;
    return server !== undefined && isOne ? [[server, Number(pid)] as const] : [];
  });
  return new Map(found);
}
