import { hostname, userInfo } from "node:os";

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
