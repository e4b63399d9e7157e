import { createHash } from "node:crypto";
import { accessSync, constants, mkdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { isErrno, KilnError } from "./errors.ts";

/**
 * The paths of one installation. Everything it keeps is below `home`; names outside it
 * (bridge, cgroup, network namespaces) contain `tag`, so that two installations never collide.
 */
export interface StateFolder {
  readonly home: string;
  /** Eight hex digits that identify this state folder: a digest of its real path. */
  readonly tag: string;
  readonly database: string;
  /** The private key that signs checkpoints of the event log. */
  readonly auditKey: string;
  /** The newest checkpoint, outside the database that it covers. */
  readonly auditCheckpoint: string;
  readonly controllerSocket: string;
  readonly controllerLock: string;
  readonly controllerLog: string;
  /** What is known of vulnerabilities. */
  readonly advisories: string;
  /** OCI image layout. */
  readonly images: string;
  /** Fetched packages, layer cache, apt's private state. May be deleted at any time. */
  readonly cache: string;
  /** One erofs file per layer. */
  readonly erofs: string;
  /** Kernel and initial memory disk of virtual machines, and the lock of the packages that they are made from. */
  readonly machine: string;
  readonly servers: string;
  /** A folder for each other target, with what its host keeps of each server. */
  readonly targets: string;
  readonly router: string;
  /** The account at certificate authorities, and the certificates that they issued. */
  readonly acme: string;
  /** The authority for the network: its key and certificate, and the controller's own. */
  readonly access: string;
  /** A folder for each repository that a service follows. */
  readonly sources: string;
  /** The evidence of servers in quarantine: one archive each. */
  readonly evidence: string;
  /** The data of services, which outlasts all of their servers. */
  readonly volumes: string;
}

/**
 * The same, for a target other than `local`: with a router of its own. Its sockets have long paths, so that the folder's name
 * must be short.
 */
export function stateOfTarget(state: StateFolder, target: string): StateFolder {
  const mark = createHash("sha256").update(target).digest("hex").slice(0, 6);
  return { ...state, router: `${state.router}-${mark}` };
}

/** `sun_path` of unix(7) holds 107 bytes; the longest socket below `home` takes 40 of them. */
const longestHome = 67;

/**
 * Where the state is: `$KILN_HOME`; else the system's state folder for root, the user's for others
 * (XDG Base Directory Specification, `XDG_STATE_HOME`). Throws `usage`, `state_path_too_long`, and `state_untrusted` for a folder
 * that someone else could have put there or could change.
 */
export function openStateFolder(
  env: Readonly<Record<string, string | undefined>>,
  uid = process.getuid?.() ?? -1,
): StateFolder {
  const home = env.KILN_HOME ? absolute(env.KILN_HOME) : usualHome(env, uid);
  if (Buffer.byteLength(home) > longestHome) {
    throw new KilnError(
      "state_path_too_long",
      `The state folder's path has ${Buffer.byteLength(home)} bytes; Unix sockets need one of at most ${longestHome} bytes: ${home}`,
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
    advisories: join(home, "advisories.db"),
    images: join(home, "images"),
    cache: join(home, "cache"),
    erofs: join(home, "erofs"),
    machine: join(home, "machine"),
    servers: join(home, "servers"),
    targets: join(home, "targets"),
    router: join(home, "router"),
    acme: join(home, "acme"),
    access: join(home, "access"),
    sources: join(home, "sources"),
    evidence: join(home, "evidence"),
    volumes: join(home, "volumes"),
  };
}

/**
 * Anyone who can write to the state folder decides what runs as its user: Kiln trusts its socket and runs its images. So it
 * must belong to that user or to root, and no one else may be able to write to it or to replace it.
 */
function requireTrusted(home: string, uid: number): void {
  for (let path = home; ; path = dirname(path)) {
    const stat = statSync(path, { throwIfNoEntry: false });
    const why = stat && whyUntrusted(stat, uid, path === home);
    if (why !== undefined) {
      throw new KilnError("state_untrusted", `The state folder ${home} cannot be trusted: ${path} ${why}.`, {
        hint: `If that is a mistake, run: chown ${uid} ${path} && chmod go-w ${path}. Otherwise set KILN_HOME to another folder.`,
      });
    }
    if (path === dirname(path)) return;
  }
}

/** A folder above it may be writable by everyone, such as /tmp, if its sticky bit protects each user's files (inode(7)). */
function whyUntrusted({ uid: owner, mode }: Stats, uid: number, isHome: boolean): string | undefined {
  if (owner !== uid && owner !== 0) return `belongs to user ${owner}`;
  if (isHome && (mode & 0o022) !== 0) return "is writable by other users";
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) return "is writable by everyone";
  return undefined;
}

/** A relative path would mean another installation in each working directory. */
function absolute(chosen: string): string {
  if (isAbsolute(chosen)) return resolve(chosen);
  throw new KilnError("usage", `KILN_HOME is ${chosen}; expected an absolute path.`, {
    hint: `For example KILN_HOME=${resolve(chosen)}.`,
  });
}

/** That specification says to ignore relative paths. */
function usualHome(
  { XDG_STATE_HOME = "" }: Readonly<Record<string, string | undefined>>,
  uid: number,
): string {
  if (uid === 0) return "/var/lib/kiln";
  return resolve(isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homedir(), ".local/state"), "kiln");
}

/** Creates the state folder, readable only by its owner, if it is missing. Throws `state_unwritable`, `disk_full`. */
export function ensureStateFolder({ home }: StateFolder): void {
  try {
    makeFolder(home);
    accessSync(home, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw stateError(home, error);
  }
}

/** The option `recursive` of Node.js fails with ENOENT on a read-only file system, and loops forever below /proc. */
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
  ENOTDIR: "it is not a folder",
  ENOENT: "it cannot be created there",
};

/** `state_unwritable` for such an error about something in the state folder; any other error unchanged. */
export function stateError(home: string, error: unknown): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  const why = code === undefined ? undefined : unwritable[code];
  // About something in it, or about one of its parent folders.
  if (why === undefined || path === undefined || !(path.startsWith(home) || home.startsWith(path)))
    return error;
  const where = path === home ? "" : ` at ${path}`;
  return new KilnError("state_unwritable", `The state folder ${home} is not writable${where}: ${why}.`, {
    hint: "Run the command as the owner of the folder (root, for the machine's installation), or set KILN_HOME to your own folder.",
    cause: error,
  });
}

/** The real path, also of a path that does not exist yet: then of its nearest existing folder, followed by the rest. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : join(realPath(dirname(path)), basename(path));
  }
}
