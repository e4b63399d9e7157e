import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { isErrno, toKilnError } from "../../../lib/errors.ts";
import { cleanEnvironment } from "../../../lib/process/environment.ts";
import { exec } from "../../../lib/process/exec.ts";
import { linkIfThere } from "../../../lib/process/proc.ts";

/** A process in a new user and a new network namespace, which it keeps until runc has joined them. It ends with the controller. */
export interface NamespaceHolder extends AsyncDisposable {
  readonly made: Promise<HeldNamespace | Refused>;
  /** Lets it end; disposal waits for that. */
  release(): void;
}

export interface HeldNamespace {
  readonly pid: number;
  /** What /proc/PID/ns/user of all in the namespace links to. */
  readonly link: string;
}

export interface Refused {
  /** The kernel's word for it. */
  readonly refused: string;
}

export interface UserNamespaces {
  /** Begins one that belongs to this uid. */
  hold(owner: number): NamespaceHolder;
}

/** The first of the uids that no user has, according to systemd's UIDS-GIDS.md: 0x70000000 to 0x7FFDFFFF. */
const firstOwner = 0x7000_0000;
/** Servers' addresses lie within 10.192.0.0/10 (addresses.ts): these bits tell all of this machine's servers apart. */
const ownBits = 0x003f_ffff;

/** All that servers can be, the same inside as outside: user_namespaces(7). */
const identityMap = "0 0 4294967295";
export const identityMappings = [{ containerID: 0, hostID: 0, size: 4_294_967_295 }] as const;

/**
 * Who makes the user namespace of the server with this address. What is used in it counts for its owner too, so no other
 * server and no user of the machine may have this uid.
 */
export function ownerOf(address: number): number {
  return firstOwner + (address & ownBits);
}

/** For trials: that of an address that no server gets, the broadcast one of the last network. */
export const trialOwner = ownerOf(ownBits);

/**
 * Keeps CAP_SYS_ADMIN until the namespace is made: some machines refuse it to others (`kernel.unprivileged_userns_clone`,
 * `kernel.apparmor_restrict_unprivileged_userns`). `cat` has no capability left, and ends with its input.
 */
export function holderArgv(owner: number): readonly [string, ...string[]] {
  const ids = [`--reuid=${owner}`, `--regid=${owner}`, "--clear-groups"];
  const rights = ["--inh-caps=+sys_admin", "--ambient-caps=+sys_admin"];
  return ["setpriv", ...ids, ...rights, "unshare", "--user", "--net", "cat"];
}

export function userNamespaces(): UserNamespaces {
  let trial: Promise<string | undefined> | undefined;
  const checked = async (made: NamespaceHolder["made"]): Promise<HeldNamespace | Refused> => {
    const result = await made;
    if ("refused" in result) return result;
    trial ??= whyNoMounts(result).catch((error) => toKilnError(error).message);
    const refused = await trial;
    if (refused === undefined) return result;
    trial = undefined;
    return { refused };
  };
  return {
    hold(owner) {
      const holder = startHolder(owner);
      return { ...holder, made: checked(holder.made) };
    },
  };
}

function startHolder(owner: number): NamespaceHolder {
  const [program, ...args] = holderArgv(owner);
  const child: ChildProcess = spawn(program, args, { cwd: "/", env: cleanEnvironment, stdio: "pipe" });
  const ended = new Promise<Error | undefined>((resolve) => {
    child.once("close", () => resolve(undefined));
    child.once("error", resolve);
  });
  const release = () => {
    child.stdin?.destroy();
  };
  return {
    made: waitForHolder(child, ended),
    release,
    async [Symbol.asyncDispose]() {
      release();
      await ended;
    },
  };
}

/** What it is sent comes back once it is in its namespaces: before that it is another program. */
async function waitForHolder(
  child: ChildProcess,
  ended: Promise<Error | undefined>,
): Promise<HeldNamespace | Refused> {
  const { pid, stdin, stdout, stderr } = child;
  let said = "";
  stderr?.on("data", (chunk: Buffer) => {
    said += chunk;
  });
  stdin?.on("error", () => {}); // it may have ended before it read anything; its words tell
  stdin?.write("\n");
  const early = await Promise.race([ended, ...(stdout ? [once(stdout, "data").then(() => "in")] : [])]);
  if (early instanceof Error) throw early;
  if (early !== "in" || pid === undefined) return { refused: said.trim() || "it ended without a word" };
  return describeHolder(pid);
}

/** Root makes everyone's number inside the same as outside, so owners of files mean what they mean on the machine. */
function describeHolder(pid: number): HeldNamespace | Refused {
  try {
    for (const map of ["uid_map", "gid_map"]) writeFileSync(`/proc/${pid}/${map}`, identityMap);
  } catch (error) {
    if (isErrno(error, "EPERM")) return { refused: error.message };
    throw error;
  }
  const link = linkIfThere(`/proc/${pid}/ns/user`);
  return link === undefined
    ? { refused: "its processes cannot be inspected (CAP_SYS_PTRACE)" }
    : { pid, link };
}

/**
 * Whether /proc and /sys can be mounted in it: the kernel refuses where parts of the machine's own are covered, as in a
 * container (mount_too_revealing in fs/namespace.c).
 */
async function whyNoMounts({ pid }: HeldNamespace): Promise<string | undefined> {
  const enter = ["nsenter", `--user=/proc/${pid}/ns/user`, `--net=/proc/${pid}/ns/net`] as const;
  const mounts = "mount -t proc proc /proc && mount -t sysfs sysfs /sys";
  const own = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", mounts];
  const { code, stderr } = await exec([...enter, ...own], { accept: "any" });
  return code === 0 ? undefined : stderr.trim() || `mounting in it exited with ${code}`;
}

/** Sysctls by which a machine refuses user namespaces, each with the value that does not. */
const sysctls = [
  { name: "user.max_user_namespaces", refuses: (value: number) => value < 4096, allowed: "65536" },
  { name: "kernel.unprivileged_userns_clone", refuses: (value: number) => value === 0, allowed: "1" },
  {
    name: "kernel.apparmor_restrict_unprivileged_userns",
    refuses: (value: number) => value === 1,
    allowed: "0",
  },
] as const;

/** What the administrator can do. `read` gives a sysctl's value, undefined for one that the kernel does not have. */
export function remedyFor(refused: string, read = readSysctl): string {
  const causes = sysctls.filter(({ name, refuses }) => {
    const value = read(name);
    return value !== undefined && refuses(value);
  });
  const bounded = "Until then, name a user of its own in `image.user` for each service.";
  if (causes.length > 0) {
    const commands = causes.map(({ name, allowed }) => `\`sysctl -w ${name}=${allowed}\``);
    return `Allow them: ${commands.join(", ")}. ${bounded}`;
  }
  if (refused.startsWith("mount:"))
    return `Run Kiln on the machine itself, or in a container whose /proc and /sys are not covered. ${bounded}`;
  return `Use a kernel with user namespaces (CONFIG_USER_NS) that lets root make them. ${bounded}`;
}

function readSysctl(name: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
