import { hostname, userInfo } from "node:os";

/** `user@machine`, for history. Behind sudo it is the person, not root. */
export function whoAmI(env: Readonly<Record<string, string | undefined>>): string {
  return `${env.SUDO_USER || userName()}@${hostname()}`;
}

/** A uid without an entry in the user database, as in containers, is a name too. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "?"}`;
  }
}
