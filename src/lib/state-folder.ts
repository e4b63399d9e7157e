import { createHash } from "node:crypto";
import { accessSync, constants, mkdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { isErrno, KilnError } from "./errors.ts";

/**
 * The paths of one installation. Everything it keeps lies below `home`; what must have a name outside it
 * (bridge, cgroup, network namespaces) carries `tag`, so that two installations never meet.
 */
export interface StateFolder {
  readonly home: string;
  /** Eight hex digits that only this state folder has: a digest of its real path. */
  readonly tag: string;
  readonly database: string;
  /** The private key that signs checkpoints of the event log. */
  readonly auditKey: string;
  /** The newest checkpoint, apart from the database that it vouches for. */
  readonly auditCheckpoint: string;
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
  /** What servers in quarantine were: one archive each. */
  readonly evidence: string;
}

/** `sun_path` of unix(7) holds 107 bytes; the longest socket below `home` takes 40 of them. */
const longestHome = 67;

/**
 * Where the state lies: `$KILN_HOME`; else the system's state folder for root, the user's for others
 * (XDG Base Directory Specification, `XDG_STATE_HOME`). Throws `usage`, `state_path_too_long`, and `state_untrusted` for one that
 * someone else could have put there or could change.
 */
export function openStateFolder(
  env: Readonly<Record<string, string | undefined>>,
  uid = process.getuid?.() ?? -1,
): StateFolder {
  const home = env.KILN_HOME ? absolute(env.KILN_HOME) : usualHome(env, uid);
  if (Buffer.byteLength(home) > longestHome) {
    throw new KilnError(
      "state_path_too_long",
      `The state folder's path has ${Buffer.byteLength(home)} bytes; at most ${longestHome} leave room for Unix sockets: ${home}`,
      {
        hint: "Set KILN_HOME to a shorter path.",
      },
    );
  }
  requireTrusted(home, uid);
  return {
    home,
    tag: createHash("sha256").update(realPath(home)).digest("hex").slice(0, 8),
    database: join(home, "kiln.db"),
    auditKey: join(home, "audit.key"),
    auditCheckpoint: join(home, "audit.checkpoint"),
    controllerSocket: join(home, "controller.sock"),
    controllerLock: join(home, "controller.lock"),
    controllerLog: join(home, "controller.log"),
    images: join(home, "images"),
    cache: join(home, "cache"),
    erofs: join(home, "erofs"),
    servers: join(home, "servers"),
    router: join(home, "router"),
    evidence: join(home, "evidence"),
  };
}

/**
 * Who can write the state folder decides what runs as its user: its socket is believed, its images are run. So it belongs to
 * that user or to root, nobody else can write it, and nobody else can put another in its place.
 */
function requireTrusted(home: string, uid: number): void {
  for (let path = home; ; path = dirname(path)) {
    const stat = statSync(path, { throwIfNoEntry: false });
    const why = stat && whyUntrusted(stat, uid, path === home);
    if (why !== undefined) {
      throw new KilnError("state_untrusted", `The state folder ${home} cannot be trusted: ${path} ${why}.`, {
        hint: `If that is a mistake: chown ${uid} ${path} && chmod go-w ${path}. Otherwise set KILN_HOME to another folder.`,
      });
    }
    if (path === dirname(path)) return;
  }
}

/** A folder above it may be for everybody, as /tmp is, where its sticky bit keeps each one's own (inode(7)). */
function whyUntrusted({ uid: owner, mode }: Stats, uid: number, isHome: boolean): string | undefined {
  if (owner !== uid && owner !== 0) return `belongs to user ${owner}`;
  if (isHome && (mode & 0o022) !== 0) return "can be written by others";
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) return "can be written by everybody";
  return undefined;
}

/** A relative one would be another installation in each folder that a command is run in. */
function absolute(chosen: string): string {
  if (isAbsolute(chosen)) return resolve(chosen);
  throw new KilnError("usage", `KILN_HOME is ${chosen}; expected an absolute path.`, {
    hint: `For example KILN_HOME=${resolve(chosen)}.`,
  });
}

/** That specification has relative paths ignored. */
function usualHome(
  { XDG_STATE_HOME = "" }: Readonly<Record<string, string | undefined>>,
  uid: number,
): string {
  if (uid === 0) return "/var/lib/kiln";
  return resolve(isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homedir(), ".local/state"), "kiln");
}

/** Makes the state folder, for its owner alone, where there is none. Throws `state_unwritable`, `disk_full`. */
export function ensureStateFolder({ home }: StateFolder): void {
  try {
    makeFolder(home);
    accessSync(home, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw stateError(home, error);
  }
}

/** Node.js's own `recursive` tells ENOENT where a file system is read-only, and tries for ever below /proc. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (isErrno(error, "EEXIST")) return;
    if (!isErrno(error, "ENOENT") || path === dirname(path)) throw error;
    makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}

const unwritable: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "its file system is read-only",
  ENOTDIR: "it is no folder",
  ENOENT: "it cannot be made there",
};

/** `state_unwritable` for a fault that says so of something in the state folder; any other error as it is. */
export function stateError(home: string, error: unknown): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  const why = code === undefined ? undefined : unwritable[code];
  // Of something in it, or of a folder that it would lie in.
  if (why === undefined || path === undefined || !(path.startsWith(home) || home.startsWith(path)))
    return error;
  const where = path === home ? "" : ` at ${path}`;
  return new KilnError("state_unwritable", `The state folder ${home} cannot be written${where}: ${why}.`, {
    hint: "Run the command as the user who owns it (root, for a machine's own), or set KILN_HOME to a folder of yours.",
    cause: error,
  });
}

/** The real path, also of what does not exist yet: then that of its nearest existing folder, with the rest behind it. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : join(realPath(dirname(path)), basename(path));
  }
}
