import { KilnError } from "../../lib/errors.ts";

/** By their numbers in getrlimit(2). */
const resources = [
  ...["cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks"],
  ...["sigpending", "msgqueue", "nice", "rtprio", "rttime"],
];

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
  const limit = /error setting rlimit type (\d+)/.exec(message)?.[1];
  if (limit !== undefined) {
    const name = resources[Number(limit)];
    const what = `${id} cannot start: this machine does not allow the limit ${name} that its release has.`;
    return new KilnError("server_failed", what, {
      ...init,
      hint: `Lower \`servers.ulimits.${name}\` in kiln.yaml, or raise the limit of Kiln's controller.`,
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

/** Of a server whose runtime has the order to begin its program, and is still there instead of it. */
export function notBegun(id: string, withinMs: number): KilnError {
  return new KilnError(
    "server_failed",
    `${id} cannot start: its program has not begun within ${withinMs / 1_000} seconds.`,
    { hint: "Look for what keeps this machine's processors or disks busy: `cat /proc/pressure/*`." },
  );
}
