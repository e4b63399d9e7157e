import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { pino } from "pino";
import { expect, test } from "vitest";
import { findProcess, type ProcessRef } from "../../../lib/process/proc.ts";
import { forbidProgramsInMemory, memoryProgramsFile } from "./memory-programs.ts";

const skip = !existsSync(memoryProgramsFile);
if (skip) console.log(`skipped: this kernel has no ${memoryProgramsFile}`);

/** The lines that are logged while programs in memory are to be forbidden, and nsenter(1) is not available. */
async function warnings(process: ProcessRef): Promise<readonly string[]> {
  const lines: string[] = [];
  await forbidProgramsInMemory(
    { log: pino({}, { write: (line: string) => void lines.push(line) }) },
    process,
    () => Promise.reject(new Error("nsenter is missing")),
  );
  return lines;
}

function processOf(pid: number | undefined): ProcessRef {
  const found = pid === undefined ? undefined : findProcess(pid);
  if (found === undefined) throw new Error("it has just been started");
  return found;
}

test.skipIf(skip)(
  "a process that has ended needs no protection; one that lives without it is reported",
  async () => {
    const child = spawn("sleep", ["100"]);
    const alive = processOf(child.pid);
    expect(await warnings(alive)).toEqual([expect.stringContaining("programs in memory are not forbidden")]);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await warnings(alive)).toEqual([]);
    const later = { ...processOf(process.pid), startTicks: 1 };
    expect(await warnings(later)).toEqual([]);
  },
);
