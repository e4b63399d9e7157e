import { readdirSync } from "node:fs";
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

/** Numbers of the hypervisors of an installation: what runs in cgroups with this tag. */
export function hypervisorsOf(tag: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readIfThere(`/proc/${pid}/comm`)?.startsWith("qemu-system") ?? false)
    .filter((pid) => readIfThere(`/proc/${pid}/cgroup`)?.includes(`/kiln-${tag}/`) ?? false)
    .map(Number);
}
