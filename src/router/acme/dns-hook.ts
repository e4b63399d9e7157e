import { realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KilnError } from "../../lib/errors.ts";
import { exec } from "../../lib/process/exec.ts";

/** The program of this installation that changes the DNS, as `lego`'s provider `exec` calls it, so that its programs fit. */
export interface DnsHook {
  readonly program: string;
  /** Whom it belongs to and runs as. */
  readonly uid: number;
  readonly gid: number;
}

const limitSeconds = 120;

/** Where the installation names its program, by a symbolic link or a file. */
export function hookPath(folder: string): string {
  return join(folder, "dns-hook");
}

/** Throws `certificate_invalid` when there is none, or when someone else than its owner could change it, or it would run as root. */
export async function findHook(folder: string, self = process.getuid?.() ?? -1): Promise<DnsHook> {
  const named = hookPath(folder);
  const program = await realpath(named).catch(() => undefined);
  if (program === undefined) throw unusable(`there is no program ${named}`);
  const { uid, gid, mode } = await stat(program);
  if ((mode & 0o100) === 0) throw unusable(`${program} is not executable`);
  if (uid === 0) throw unusable(`${program} belongs to root, so it would run as root`);
  if (self === 0 && gid === 0)
    throw unusable(`${program} is of the group root, so it would run with its rights`);
  if (self !== 0 && uid !== self)
    throw unusable(`${program} belongs to user ${uid}, and Kiln is user ${self}`);
  await requireUntouched(program, uid);
  return { program, uid, gid };
}

/** What can be replaced there runs as its owner. */
async function requireUntouched(program: string, owner: number): Promise<void> {
  for (let path = program; ; path = dirname(path)) {
    const found = await stat(path);
    const { uid, mode } = found;
    // In a sticky folder only owners replace what is theirs (inode(7)); of a file the bit says nothing.
    const isSticky = found.isDirectory() && (mode & 0o1000) !== 0;
    const isShared = (mode & 0o022) !== 0 && !isSticky;
    if (isShared || (uid !== 0 && uid !== owner)) throw unusable(`someone else can change ${path}`);
    if (path === dirname(path)) return;
  }
}

/**
 * The record's name for a name that the authority asks about. It has to be one of the order: otherwise an authority could have
 * records of other names changed. A wildcard is asked about without its `*.` (RFC 8555, section 7.1.4).
 */
export function challengeName(identifier: string, hosts: readonly string[]): string {
  const isOrdered = hosts.some((host) => host.replace(/^\*\./, "") === identifier);
  if (!isOrdered) throw new Error(`it asks about ${JSON.stringify(identifier)}, which was not ordered`);
  return `_acme-challenge.${identifier}`;
}

/**
 * Adds or removes a TXT record (RFC 8555, section 8.4), and resolves when name servers answer so: the program ends then, and
 * not before. It has the rights of its owner, no capability, no other group and a clean environment.
 */
export async function runHook(
  { program, uid, gid }: DnsHook,
  action: "present" | "cleanup",
  name: string,
  value: string,
  self = process.getuid?.() ?? -1,
): Promise<void> {
  const ids = self === 0 ? [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--bounding-set=-all"] : [];
  const confined = ["setpriv", ...ids, "--inh-caps=-all", "--no-new-privs", "--", program];
  // What it has started ends with it.
  const limit = ["timeout", "--kill-after=5", String(limitSeconds)] as const;
  const { code, stderr } = await exec([...limit, ...confined, action, `${name}.`, value], { accept: "any" });
  if (code === 0) return;
  const last = stderr.trim().split("\n").at(-1) ?? "";
  const why = code === 124 ? `did not end within ${limitSeconds} s` : `failed with ${code}`;
  throw new Error(`${program} ${action} ${name} ${why}${last === "" ? "" : `: ${last}`}`);
}

function unusable(why: string): KilnError {
  return new KilnError(
    "certificate_invalid",
    `Nothing can change the DNS for \`challenge: dns-01\`: ${why}.`,
    {
      hint: 'docs/router.md, "Wildcards, and machines that no one reaches", says what the program has to be.',
    },
  );
}
