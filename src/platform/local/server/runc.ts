import { readFileSync } from "node:fs";
import { isErrno, KilnError } from "../../../lib/errors.ts";
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

/** What runc says, in words for the person who wrote the image. */
export function startFailure(id: string, command: string, message: string, key = "image.command"): KilnError {
  const init = { cause: message, permanent: true };
  if (/executable file not found in \$PATH|exec: .*no such file or directory/.test(message)) {
    return new KilnError(
      "server_failed",
      `${id} cannot start: there is no program ${command} in its image.`,
      {
        ...init,
        hint: `Check \`${key}\` and \`image.packages\` in kiln.yaml.`,
      },
    );
  }
  if (/exec: .*permission denied/.test(message)) {
    return new KilnError(
      "server_failed",
      `${id} cannot start: ${command} is not executable for the image's user.`,
      {
        ...init,
        hint: 'Set `mode: "0755"` on that file in kiln.yaml, or check `image.user`.',
      },
    );
  }
  if (/exec format error/.test(message)) {
    return new KilnError("server_failed", `${id} cannot start: this machine cannot run ${command}.`, {
      ...init,
      hint: "It was made for another processor, or it is a script without `#!` in its first line.",
    });
  }
  if (/chdir to cwd/.test(message)) {
    return new KilnError(
      "server_failed",
      `${id} cannot start: its user may not enter the image's working folder.`,
      init,
    );
  }
  return new KilnError("server_failed", `${id} cannot start: ${shorten(message)}`, { cause: message });
}

/** runc repeats itself from the outside in; the innermost part says what happened. */
function shorten(message: string): string {
  return message.replace(/^runc create failed: (unable to start container process: )?/, "").trim();
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
