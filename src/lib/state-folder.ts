import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { KilnError } from "./errors.ts";

/**
 * The paths of one installation. Everything it keeps lies below `home`; what must have a name outside it
 * (bridge, cgroup, network namespaces) carries `tag`, so that two installations never meet.
 */
export interface StateFolder {
  readonly home: string;
  /** Eight hex digits that only this state folder has: a digest of its real path. */
  readonly tag: string;
  readonly database: string;
  readonly controllerSocket: string;
  readonly controllerLock: string;
  readonly controllerLog: string;
  /** OCI image layout. */
  readonly images: string;
  /** Fetched packages, layer cache, apt's private state. May be deleted at any time. */
  readonly cache: string;
  /** One erofs file per layer. */
  readonly erofs: string;
  readonly servers: string;
  readonly router: string;
}

/** `sun_path` of unix(7) holds 107 bytes; the longest socket below `home` takes 40 of them. */
const longestHome = 67;

/**
 * Where the state lies: `$KILN_HOME`; else the system's state folder for root, the user's for others
 * (XDG Base Directory Specification, `XDG_STATE_HOME`).
 */
export function openStateFolder(
  env: Readonly<Record<string, string | undefined>>,
  uid = process.getuid?.() ?? -1,
): StateFolder {
  const chosen =
    env.KILN_HOME ||
    (uid === 0 ? "/var/lib/kiln" : join(env.XDG_STATE_HOME || join(homedir(), ".local/state"), "kiln"));
  const home = resolve(chosen);
  if (Buffer.byteLength(home) > longestHome) {
    throw new KilnError(
      "state_path_too_long",
      `The state folder's path has ${Buffer.byteLength(home)} bytes; at most ${longestHome} leave room for Unix sockets: ${home}`,
      {
        hint: "Set KILN_HOME to a shorter path.",
      },
    );
  }
  return {
    home,
    tag: createHash("sha256").update(realPath(home)).digest("hex").slice(0, 8),
    database: join(home, "kiln.db"),
    controllerSocket: join(home, "controller.sock"),
    controllerLock: join(home, "controller.lock"),
    controllerLog: join(home, "controller.log"),
    images: join(home, "images"),
    cache: join(home, "cache"),
    erofs: join(home, "erofs"),
    servers: join(home, "servers"),
    router: join(home, "router"),
  };
}

/** The real path, also of what does not exist yet: then that of its nearest existing folder, with the rest behind it. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : join(realPath(dirname(path)), basename(path));
  }
}
