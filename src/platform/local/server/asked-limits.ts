import { basename, join } from "node:path";
import { namesIn } from "../../../lib/files/temporary.ts";
import { readIfThere } from "../../../lib/process/proc.ts";
import type { Resources } from "./oci-config.ts";

/** One file of a cgroup and what it should hold. */
export interface Limit {
  readonly file: string;
  readonly value: string;
}

/** A number that the kernel may round down to its pages, of which the largest are 64 KiB. */
const largestPage = 65_536;

/** What a limit file says; `expected` is what it would say by itself, `isRight` takes what other kernels may make of it. */
interface Expectation {
  readonly expected: string;
  readonly isRight?: (text: string) => boolean;
}

const exactly = (expected: string | number): Expectation => ({ expected: String(expected) });

/** At most so many bytes, in whole pages; without a limit what the kernel takes for none: version 1 has a number, 2 a word. */
function bytes(limit: number | undefined): Expectation {
  if (limit === undefined)
    return { expected: "max", isRight: (text) => text === "max" || Number(text) > 2 ** 60 };
  return {
    expected: String(limit),
    isRight: (text) => Number(text) <= limit && Number(text) > limit - largestPage,
  };
}

/** What runc gives every server: `AllowedDevices` of its specconv. */
const devices = new Set(
  ["c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm"].concat([
    "c 5:0 rwm",
    "c 5:1 rwm",
    "c 5:2 rwm",
    "c 10:200 rwm",
    "c 136:* rwm",
  ]),
);

/** By name, the limits that Kiln sets and those that it leaves as the kernel has them: version 2, then version 1. */
function expectations({ memory, cpu, pids, unified }: Resources): ReadonlyMap<string, Expectation> {
  const swap = memory?.swap === undefined ? undefined : memory.swap - memory.limit;
  return new Map<string, Expectation>([
    ["memory.max", bytes(memory?.limit)],
    ["memory.high", bytes(undefined)],
    ["memory.low", exactly(0)],
    ["memory.min", exactly(0)],
    ["memory.swap.max", swap === 0 ? exactly(0) : bytes(swap)],
    ["memory.swap.high", bytes(undefined)],
    ["memory.oom.group", exactly(unified?.["memory.oom.group"] ?? 0)],
    ["cpu.max", exactly(`${cpu?.quota ?? "max"} ${cpu?.period ?? 100_000}`)],
    ["cpu.max.burst", exactly(0)],
    ["cpu.weight", exactly(100)],
    ["cpu.idle", exactly(0)],
    ["cpuset.cpus", exactly("")],
    ["cpuset.mems", exactly("")],
    ["io.max", exactly("")],
    ["io.weight", exactly("default 100")],
    ["pids.max", exactly(pids?.limit ?? "max")],
    ["memory.limit_in_bytes", bytes(memory?.limit)],
    ["memory.memsw.limit_in_bytes", bytes(memory?.swap)],
    ["memory.soft_limit_in_bytes", bytes(undefined)],
    ["cpu.cfs_quota_us", exactly(cpu?.quota ?? -1)],
    ["cpu.cfs_period_us", exactly(cpu?.period ?? 100_000)],
    ["cpu.shares", exactly(1024)],
  ]);
}

/** Of version 1, the kernel itself changes it when a processor comes or goes. */
const unsteady = "cpuset/";

/**
 * The limits of a cgroup's folder as they should be: what was asked for, in the kernel's own words where it has put it
 * so. A file that says something else is a difference from the start.
 */
export function askedLimits(folder: string, resources: Resources): readonly Limit[] {
  if (folder.includes(unsteady)) return [];
  const asked = expectations(resources);
  return namesIn(folder).flatMap((name) => {
    const isKnown = asked.has(name) || (name === "devices.list" && resources.devices !== undefined);
    const text = isKnown ? readIfThere(join(folder, name)) : undefined;
    if (text === undefined) return [];
    const file = join(folder, name);
    const isDevices = basename(file) === "devices.list";
    const value = isDevices ? allowed(text, resources.devices) : wordsFor(asked.get(name), text);
    return [{ file, value }];
  });
}

function wordsFor(asked: Expectation | undefined, text: string): string {
  const { expected = "", isRight = (value: string) => value === expected } = asked ?? {};
  return isRight(text.trim()) ? text : `${expected}\n`;
}

/** Without what other programs have added. */
function allowed(text: string, rules: Resources["devices"] = []): string {
  const own = new Set(rules.map(({ type, major, minor, access }) => `${type} ${major}:${minor} ${access}`));
  return text
    .split("\n")
    .filter((line) => line === "" || devices.has(line) || own.has(line))
    .join("\n");
}
