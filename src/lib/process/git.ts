import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isErrno, KilnError } from "../errors.ts";
import { exec } from "./exec.ts";
import { closedEnvironment, closedGit } from "./git-closed.ts";

/** What git reports about a folder in a checkout. */
export interface Checkout {
  readonly commit: string;
  /** The tags that point at the commit, the highest version first. */
  readonly tags: readonly string[];
  /** Whether something below the folder differs from the commit; "unknown" if only a filter of the repository could decide that. */
  readonly dirty: boolean | "unknown";
}

/**
 * The checkout that contains `folder`; undefined without a checkout, without a commit, or if git is not usable there.
 *
 * The repository may come from anyone, and its configuration and attributes name programs that git would run. So Kiln asks
 * git only for answers that need nothing but reading (refs, trees, index, attributes), and compares files itself. Where git
 * would still run something (a hook, a monitor, a transport that fetches missing objects), Kiln forbids it.
 */
export async function readCheckout(folder: string, signal?: AbortSignal): Promise<Checkout | undefined> {
  try {
    if (!hasRepository(folder)) return undefined;
    const ask = askGit(folder, signal);
    const [refs, tree, index] = await Promise.all([
      ask(["show-ref", "--head", "--tags", "--dereference"]),
      ask(["ls-tree", "-r", "-z", "HEAD"]).catch(unlessItRan),
      ask([
        "ls-files",
        "-z",
        "-t",
        "--stage",
        "--others",
        "--exclude-standard",
        "--directory",
        "--no-empty-directory",
      ]),
    ]);
    const known = parseRefs(refs);
    return (
      known && {
        ...known,
        dirty: tree === undefined ? "unknown" : await isDirty(folder, { tree, index }, ask),
      }
    );
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof KilnError || isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}

/** Whether git would look for a work tree at all: gitrepository-layout(5), a folder or file `.git` there or above. Saves three processes. */
function hasRepository(folder: string): boolean {
  for (let at = realpathSync(folder); ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return true;
    if (at === dirname(at)) return false;
  }
}

/** A commit, with the time that its committer's clock showed (Unix time in ms). */
export interface Commit {
  readonly id: string;
  readonly atMs: number;
}

/** Where the commit of a checkout stands in its history. */
export interface GitHistory {
  readonly committedAtMs: number;
  /** `refs/heads/main`; undefined when HEAD names a commit alone. */
  readonly ref: string | undefined;
  /** The URL of the remote `origin`, without the credentials in it. */
  readonly repository: string | undefined;
  /**
   * The commits that came after the one asked about, newest first, and at most `most` of them. Undefined where the clone
   * does not have all of them.
   */
  readonly commits: readonly Commit[] | undefined;
}

/** Of this commit, by default that of HEAD. Undefined where `readCheckout` is, and where the clone lacks the commit. `since` is the id of another one. */
export async function readHistory(
  folder: string,
  how: {
    readonly commit?: string;
    readonly since?: string;
    readonly most: number;
    readonly signal?: AbortSignal;
  },
): Promise<GitHistory | undefined> {
  const { commit = "HEAD", since, most, signal } = how;
  try {
    const ask = askGit(folder, signal);
    const optional = (args: readonly string[]) => ask(args).catch(unlessItRan);
    const [head, kind, url, list] = await Promise.all([
      ask(["rev-list", "--timestamp", "--max-count=1", commit, "--"]),
      ask(["rev-parse", "--is-shallow-repository", "--symbolic-full-name", "HEAD"]),
      optional(["config", "--get", "remote.origin.url"]),
      since && optional(["rev-list", "--timestamp", `--max-count=${most}`, commit, `^${since}`, "--"]),
    ]);
    const [shallow, ref] = kind.split("\n");
    return {
      committedAtMs: parseCommits(head)[0]?.atMs ?? 0,
      ref: ref?.startsWith("refs/") ? ref : undefined,
      repository: url && withoutCredentials(url.trim()),
      commits: shallow === "true" || list === undefined ? undefined : parseCommits(list),
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof KilnError || isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}

/** git-rev-list(1) with --timestamp: `seconds id`, newest first. */
function parseCommits(text: string): readonly Commit[] {
  return [...text.matchAll(/^(\d+) ([0-9a-f]{40,64})$/gm)].map(([, seconds, id = ""]) => ({
    id,
    atMs: Number(seconds) * 1000,
  }));
}

/** git-fetch(1), "GIT URLS": `https://user:token@host/path`, or `user@host:path` without a password. */
function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, "$1");
}

type Ask = (args: readonly string[], input?: string) => Promise<string>;

/** As root, git runs as the owner of the folder. */
function askGit(folder: string, signal: AbortSignal | undefined): Ask {
  const { uid, gid } = statSync(folder);
  const as = process.getuid?.() === 0 && uid !== 0 ? { as: { uid, gid } } : {};
  return async (args, input) => {
    const argv = [...closedGit(folder), ...args] as const;
    const given = input === undefined ? {} : { input };
    const options = {
      env: closedEnvironment,
      timeoutMs: 10_000,
      ...as,
      ...given,
      ...(signal ? { signal } : {}),
    };
    return (await exec(argv, options)).stdout;
  };
}

/** Git ran and said no: an object is missing, as in a partial clone; a folder may not be committed yet; a setting is not set. */
function unlessItRan(error: unknown): undefined {
  if (!(error instanceof KilnError) || error.code !== "command_failed") throw error;
}

/** git-show-ref(1): an annotated tag has a second line, `^{}`, for its target. */
function parseRefs(refs: string): Pick<Checkout, "commit" | "tags"> | undefined {
  const lines = refs.split("\n").map((line) => line.split(" "));
  const commit = lines.find(([, name]) => name === "HEAD")?.[0];
  if (commit === undefined) return undefined;
  const tags = lines.flatMap(([oid, name = ""]) =>
    oid === commit && name.startsWith("refs/tags/")
      ? [name.slice("refs/tags/".length).replace(/\^\{\}$/, "")]
      : [],
  );
  return { commit, tags: tags.sort((a, b) => versions.compare(b, a)) };
}

const versions = new Intl.Collator("en", { numeric: true });

/** Larger files are not read just to name a version. */
const longestTotalBytes = 256 << 20;
const execBits = 0o111;

/** A file of the commit: git-ls-tree(1), `mode type oid TAB path`, relative to the folder. */
interface Blob {
  readonly mode: string;
  readonly oid: string;
  readonly path: string;
}

async function isDirty(
  folder: string,
  listed: { readonly tree: string; readonly index: string },
  ask: Ask,
): Promise<Checkout["dirty"]> {
  const blobs = parseTree(listed.tree);
  if (differsFromIndex(blobs, listed.index)) return true;
  const budget = { bytes: longestTotalBytes };
  const found = blobs.map((blob) => ({ path: blob.path, is: compare(folder, blob, budget) }));
  const changed = found.filter(({ is }) => is === "changed").map(({ path }) => path);
  const filtered = await filteredPaths(changed, ask);
  if (changed.some((path) => !filtered.has(path))) return true;
  return filtered.size > 0 || found.some(({ is }) => is === "unknown") ? "unknown" : false;
}

function parseTree(text: string): readonly Blob[] {
  return lines(text).flatMap((line) => {
    const [, mode, oid, path] = /^(\d+) \w+ ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
    return mode && oid && path ? [{ mode, oid, path }] : [];
  });
}

/** Whether something is staged, in conflict, or untracked: git-ls-files(1), `tag mode oid stage TAB path`, `? path`. */
function differsFromIndex(blobs: readonly Blob[], index: string): boolean {
  const committed = new Set(blobs.map(({ mode, oid, path }) => `${mode} ${oid} 0\t${path}`));
  const entries = lines(index);
  return entries.length !== committed.size || entries.some((line) => !committed.has(line.slice(2)));
}

function lines(text: string): readonly string[] {
  return text.split("\0").filter((line) => line !== "");
}

/** A file against its blob. Only git converts line ends; a submodule is a separate repository. */
function compare(
  folder: string,
  { mode, oid, path }: Blob,
  budget: { bytes: number },
): "same" | "changed" | "unknown" {
  const full = join(folder, path);
  if (mode === "160000") return "unknown";
  const stat = lstatSync(full, { throwIfNoEntry: false });
  const isLink = mode === "120000";
  if (stat === undefined || !(isLink ? stat.isSymbolicLink() : stat.isFile())) return "changed";
  if (isLink) return blobId(Buffer.from(readlinkSync(full)), oid) === oid ? "same" : "changed";
  if (((stat.mode & execBits) !== 0) !== (mode === "100755")) return "changed";
  budget.bytes -= stat.size;
  if (budget.bytes < 0) return "unknown";
  const bytes = readRegular(full);
  if (bytes === undefined) return "changed";
  if (blobId(bytes, oid) === oid) return "same";
  return blobId(withoutReturns(bytes), oid) === oid ? "unknown" : "changed";
}

/** gitformat-pack(5): the id of an object is the digest of its kind, its length and its bytes. */
function blobId(bytes: Uint8Array, like: string): string {
  const hash = createHash(like.length === 64 ? "sha256" : "sha1");
  return hash.update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

function withoutReturns(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
}

/** Undefined if the file has become something else meanwhile: only regular files are read. */
function readRegular(path: string): Buffer | undefined {
  const handle = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile() || stat.size > longestTotalBytes) return undefined;
    const bytes = Buffer.alloc(stat.size);
    return bytes.subarray(0, readSync(handle, bytes));
  } finally {
    closeSync(handle);
  }
}

/** The files whose content in the repository comes from a filter, which Kiln does not run: gitattributes(5). */
async function filteredPaths(paths: readonly string[], ask: Ask): Promise<ReadonlySet<string>> {
  if (paths.length === 0) return new Set();
  const kinds = ["filter", "ident", "working-tree-encoding"];
  const answer = await ask(
    ["check-attr", "-z", "--stdin", ...kinds],
    paths.map((path) => `${path}\0`).join(""),
  );
  const words = answer.split("\0");
  return new Set(
    words.filter((_, at) => at % 3 === 0 && !["unset", "unspecified", undefined].includes(words[at + 2])),
  );
}
