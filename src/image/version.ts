import { isErrno, KilnError } from "../lib/errors.ts";
import { exec } from "../lib/exec.ts";
import type { GivenVersions } from "./image-store.ts";

/** What git says of the project folder. */
export interface GitState {
  /** A tag that points at the commit, otherwise the commit's first 12 digits. */
  readonly name: string;
  /** True when something below the folder is changed or untracked. */
  readonly dirty: boolean;
}

/** Undefined when the folder is in no git repository, has no commit yet, or git is not usable there. */
export async function readGitState(folder: string, signal: AbortSignal): Promise<GitState | undefined> {
  try {
    const [status, tags] = await Promise.all([
      git(folder, ["status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", "."], signal),
      git(folder, ["tag", "--points-at", "HEAD", "--sort=-version:refname"], signal),
    ]);
    return parseGitState(status, tags);
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof KilnError || isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}

/** git-status(1), "Porcelain Format Version 2". */
export function parseGitState(status: string, tags: string): GitState | undefined {
  const commit = /^# branch\.oid ([0-9a-f]{40,64})$/m.exec(status)?.[1];
  if (commit === undefined) return undefined;
  const tag = tags.split("\n").map(asVersion).find(Boolean);
  const dirty = status.split("\n").some((line) => line !== "" && !line.startsWith("#"));
  return { name: tag ?? commit.slice(0, 12), dirty };
}

/** As a reference of the OCI image specification (annotations.md): runs of letters and digits, single separators between. */
function asVersion(tag: string): string {
  return tag.replace(/[^A-Za-z0-9]*[^A-Za-z0-9._-]+[^A-Za-z0-9]*/g, "-").replace(/^[._-]+|[._-]+$/g, "");
}

/** Takes no lock of the repository and runs no program that its configuration names. */
async function git(folder: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const argv = ["git", "-C", folder, "-c", "core.fsmonitor=false", ...args] as const;
  const env = { GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" };
  return (await exec(argv, { signal, env, timeoutMs: 5000 })).stdout;
}

export interface VersionQuestion {
  readonly service: string;
  /** From the spec. */
  readonly wanted: string | undefined;
  readonly git: GitState | undefined;
  readonly digest: string;
  readonly given: GivenVersions;
}

/**
 * The version of an image: the spec's; else git's, with the first 8 digits of the image's digest whenever the commit
 * alone would not tell what is in it; else a number counted up per service. The same image keeps its number. Throws
 * `version_taken` when the spec's version has been given to another image.
 */
export function chooseVersion(question: VersionQuestion): string {
  const { wanted, git: state, digest, given, service } = question;
  if (wanted !== undefined) return checked(question, wanted);
  if (state === undefined) return counted(question);
  const marked = `${state.name}-${digest.slice("sha256:".length, "sha256:".length + 8)}`;
  const holder = given[`${service}:${state.name}`];
  return state.dirty || (holder !== undefined && holder !== digest) ? marked : state.name;
}

function checked({ service, digest, given }: VersionQuestion, wanted: string): string {
  const holder = given[`${service}:${wanted}`];
  if (holder === undefined || holder === digest) return wanted;
  throw new KilnError(
    "version_taken",
    `Version ${wanted} of ${service} is already the image ${holder.slice(0, 19)}…, and this build made another (${digest.slice(0, 19)}…).`,
    { hint: "Raise `image.version`; a version, once given, never points elsewhere." },
  );
}

function counted({ service, digest, given }: VersionQuestion): string {
  const numbers = Object.entries(given).flatMap(([name, holder]) => {
    const number = name.startsWith(`${service}:`) ? name.slice(service.length + 1) : "";
    return /^\d{1,15}$/.test(number) ? [{ number: Number(number), holder }] : [];
  });
  const same = numbers.find(({ holder }) => holder === digest);
  return `${same?.number ?? Math.max(0, ...numbers.map(({ number }) => number)) + 1}`;
}
