import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../errors.ts";

/** An unused path below `folder` (created if missing); it contains this process's id for `sweepTemporary`. */
export function temporaryPath(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return join(folder, `${process.pid}.${randomBytes(6).toString("hex")}`);
}

/** Removes the leftovers of dead processes in `folder`. */
export function sweepTemporary(folder: string): void {
  for (const name of namesIn(folder)) {
    if (!isAlive(Number.parseInt(name, 10))) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** The folder's names; none when it does not exist, or only root may look: then nothing in it is ours. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "EACCES")) return [];
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, "EPERM");
  }
}
