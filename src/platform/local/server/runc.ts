import { readFileSync } from "node:fs";
import { isErrno } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { HostPaths, ServerPaths } from "../paths.ts";

export async function runcStart(paths: HostPaths, server: ServerPaths, id: string): Promise<void> {
  const log = [`--log=${server.runtimeLog}`, "--log-format=json"];
  await exec(["runc", `--root=${paths.runc}`, ...log, "start", id]);
}

/** Kills what is left, removes cgroups and runc's state. A server that runc does not know is not an error. */
export async function runcDelete(paths: HostPaths, id: string): Promise<void> {
  await exec(["runc", `--root=${paths.runc}`, "delete", "--force", id]);
}

/** Thaws a frozen server: signals do not reach one in a version 1 freezer. */
export async function runcResume(paths: HostPaths, id: string): Promise<void> {
  await exec(["runc", `--root=${paths.runc}`, "resume", id], { accept: "any" });
}

/** The last error that runc wrote down, or undefined. */
export function lastRuncError(server: ServerPaths): string | undefined {
  const errors = readIfPresent(server.runtimeLog)
    .split("\n")
    .map(parseMessage)
    .filter((message) => message !== undefined);
  return errors.at(-1);
}

function parseMessage(line: string): string | undefined {
  try {
    const { level, msg } = JSON.parse(line);
    return level === "error" && typeof msg === "string" ? msg : undefined;
  } catch {
    return undefined; // a line that a crash has cut short
  }
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
