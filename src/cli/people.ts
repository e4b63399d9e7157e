import { hostname, userInfo } from "node:os";
import type { Culprit } from "../domain/drift.ts";

/** `user@machine`, as a command states who runs it. With sudo it is the person, not root. */
export function whoAmI(env: Readonly<Record<string, string | undefined>>): string {
  return `${env.SUDO_USER || userName()}@${hostname()}`;
}

/** Without an entry in the user database, as in containers, the uid is the name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "?"}`;
  }
}

/** Who changed a server, as far as the kernel reports it. */
export function culpritText(culprit: Culprit | undefined): string {
  if (culprit === undefined) return "unknown";
  const { pid, uid, loginUid, executable, name } = culprit;
  const login = loginUid === undefined || loginUid === uid ? "" : ` (login ${loginUid})`;
  return `${executable ?? name} pid ${pid}${uid < 0 ? "" : ` uid ${uid}`}${login}`;
}
