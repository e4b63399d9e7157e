import { existsSync } from "node:fs";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import { exec } from "../../lib/process/exec.ts";
import type { Call } from "../contract/call.ts";
import type { Gap, Readiness } from "../contract/readiness.ts";
import type { MachineParts, MachineSource } from "../contract/sources.ts";
import { findProgram } from "../local/programs.ts";
import type { Accelerator } from "./hypervisor.ts";

/** Who runs the instructions of machines here, and why not the processor. */
export interface Choice {
  readonly accelerator: Accelerator;
  /** Words. Undefined with KVM. */
  readonly without: string | undefined;
}

/** How long a machine of nothing but kernel and first process may take with KVM; a fraction of a second is usual. */
const trialMs = 10_000;

/** How long fetching the kernel and trying it may take, on a machine that does much else. */
const preparationMs = 600_000;

/**
 * Found out by starting a machine, once: a device /dev/kvm says little, for a machine that is virtual itself may have one
 * that starts none. It continues when a caller gives up, so that the next one finds it done.
 */
export function chooser(source: MachineSource): (call: Pick<Call, "signal">) => Promise<Choice> {
  let chosen: Promise<Choice> | undefined;
  return async ({ signal }) => {
    const ours = chosen ?? choose(source);
    chosen = ours;
    ours.catch(() => {
      if (chosen === ours) chosen = undefined;
    });
    return unlessAborted(ours, signal);
  };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener("abort", abort));
}

async function choose(source: MachineSource): Promise<Choice> {
  const signal = AbortSignal.timeout(preparationMs);
  const call = { signal, deadline: Date.now() + preparationMs };
  const parts = await source.parts(call);
  if (!existsSync("/dev/kvm")) return { accelerator: "tcg", without: "this machine has no /dev/kvm" };
  const without = await whyNoKvm(parts, call);
  return { accelerator: without === undefined ? "kvm" : "tcg", without };
}

async function whyNoKvm({ kernel, initrd }: MachineParts, { signal }: Call): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await exec(
      [
        "qemu-system-x86_64",
        ...["-M", "q35", "-accel", "kvm", "-cpu", "host", "-m", "128", "-nodefaults", "-no-user-config"],
        ...["-display", "none", "-no-reboot", "-device", "virtio-serial-pci"],
        ...[
          "-chardev",
          "file,id=status,path=/dev/stdout",
          "-device",
          "virtserialport,chardev=status,name=kiln.status",
        ],
        ...["-chardev", "null,id=none", "-device", "virtserialport,chardev=none,name=kiln.control"],
        ...["-kernel", kernel.file, "-initrd", initrd.file, "-append", "quiet panic=-1"],
      ],
      { signal, accept: "any", timeoutMs: trialMs },
    );
    if (/^booted$/m.test(stdout)) return undefined;
    return `a machine does not start with it: ${stderr.trim().split("\n").at(-1) || "QEMU has ended"}`;
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = toKilnError(error);
    return code === "timed_out" ? "a machine does not start with it" : message;
  }
}

/** No one waits for a download to see what a target lacks. */
const probeMs = 8_000;

/** What the host lacks for machines, added to what it lacks for servers of any kind. */
export async function probeMachines(
  host: Readiness,
  choice: (call: Pick<Call, "signal">) => Promise<Choice>,
  call: Call,
): Promise<Readiness> {
  const gaps: Gap[] = [...host.gaps];
  const facts = [...host.facts];
  try {
    if (process.arch !== "x64")
      throw new KilnError("platform_unusable", "Machines need a processor with x86-64.");
    findProgram("qemu-system-x86_64");
    const soon = AbortSignal.timeout(probeMs);
    const made = await choice({ signal: AbortSignal.any([soon, call.signal]) }).catch((error) => {
      if (!soon.aborted) throw error;
      return undefined;
    });
    if (made === undefined) facts.push("kernel of machines: it is being fetched and tried");
    else facts.push(made.without === undefined ? "machines with KVM" : "machines without KVM");
    if (made?.without !== undefined) gaps.push(slow(made.without));
  } catch (error) {
    const { message, hint, code } = toKilnError(error);
    const remedy =
      code === "tool_missing"
        ? "Run as root: `apt-get install --no-install-recommends qemu-system-x86`."
        : hint;
    gaps.push({ what: message, remedy: remedy ?? "Name a target of another platform.", severity: "fatal" });
  }
  const usable = gaps.every(({ severity }) => severity !== "fatal");
  const { integrity: _, ...rest } = host;
  return {
    ...rest,
    usable,
    gaps,
    facts,
    ...(usable ? { integrity: { name: "none", facts: integrityFacts } } : {}),
  };
}

function slow(without: string): Gap {
  return {
    what: `Machines run without KVM, which takes a server seconds more to start and several times the processor time: ${without}.`,
    remedy: "Run Kiln on a machine whose processor's virtualization is switched on and handed on to it.",
    severity: "degraded",
  };
}

const integrityFacts = [
  {
    what: "changing files of its image or its configuration",
    speed: "prevented",
    how: "the hypervisor opens its disks read-only, so that not even the guest's kernel can write to them",
  },
  {
    what: "writing or running new programs from within",
    speed: "prevented",
    how: "its root file system is read-only, writable paths are noexec tmpfs, no capabilities, no new privileges",
  },
  {
    what: "reaching this machine from a guest whose kernel was taken over",
    speed: "prevented",
    how: "the hypervisor is a process without rights: a user of its own, no capability, its own namespaces, system calls refused by seccomp",
  },
  {
    what: "entering, tracing or changing the hypervisor from this machine",
    speed: "seconds",
    how: "the scan compares its namespaces, mounts, limits, programs and files with what was asked for",
  },
  {
    what: "processes, memory and connections within the guest",
    speed: "unseen",
    how: "a hypervisor sees processors, memory and devices, no programs: servers.maxAge limits how long a change lasts",
  },
] as const;
