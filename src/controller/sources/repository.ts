import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServiceKey } from "../../domain/ids.ts";
import { type GitSource, type SourceCommit, shortCommit } from "../../domain/source.ts";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { type GitCall, git, largestFileBytes, transportOf } from "./git.ts";

/** So much of the history tells which commits a deploy brings; a shorter one comes whole. */
const mostCommits = 1_000;
const fetchMs = 600_000;
/** Of a commit: more is not written to the disk. */
const mostFiles = 100_000;
const mostBytes = 2 * 2 ** 30;
/** Each fetch leaves a pack, and one that was cut off the beginning of one. */
const mostPacks = 50;
const mostPackBytes = 2 * largestFileBytes;

/** A commit that was fetched. */
export interface Fetched {
  readonly commit: SourceCommit;
  /** The id of what the source's path has there. */
  readonly tree: string;
}

/** The controller's copy of the repository that a service follows. All of it can be made again, so nothing in it is repaired. */
export class Repository {
  readonly #source: GitSource;
  readonly #signal: AbortSignal;
  /** What else belongs to the source. */
  readonly folder: string;
  readonly #checkout: string;
  readonly #packBytes: number;

  /** `packBytes`: of what one fetch may bring. */
  constructor(sources: string, source: GitSource, signal: AbortSignal, packBytes = largestFileBytes) {
    this.#source = source;
    this.#signal = signal;
    this.#packBytes = packBytes;
    this.folder = folderOf(sources, source.service);
    this.#checkout = join(this.folder, "checkout");
  }

  /** The id of the branch's commit now. Throws `source_unreachable`. */
  async head(): Promise<string> {
    const { url, branch } = this.#source;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const args = ["ls-remote", "--exit-code", url, `refs/heads/${branch}`];
    const { code, stdout, why, hint } = await git(this.folder, args, {
      ...(await this.#line()),
      timeoutMs: 60_000,
    });
    if (code === 2) return this.#noBranch();
    if (code !== 0) throw unreachable(why, hint);
    return idOf(stdout, `refs/heads/${branch}`) ?? this.#noBranch();
  }

  #noBranch(): never {
    throw new KilnError("source_unreachable", `The repository has no branch ${this.#source.branch}.`, {
      hint: "Push it, or add the source again with another branch.",
      retry: true,
    });
  }

  /** Throws `source_unreachable`, `source_too_large`, `source_unsigned`, `source_rewritten`, `source_invalid`. */
  async fetch(id: string, asked: { readonly rewritten: boolean }): Promise<Fetched> {
    await this.#prepare();
    await this.#receive();
    const commit = await this.#read(id);
    const signer = await this.#signerOf(id);
    if (!asked.rewritten) await this.#requireDescent(id);
    const tree = await this.#treeOf(id);
    return { commit: { ...commit, ...(signer === undefined ? {} : { signer }) }, tree };
  }

  /** Writes the files of the commit, and returns the folder of `kiln.yaml`. Throws `source_too_large`. */
  async checkOut(id: string): Promise<string> {
    await this.#requireSize(id);
    rmSync(join(this.#checkout, ".git/index.lock"), { force: true });
    await this.#own(["checkout", "--quiet", "--force", "-B", this.#source.branch, id, "--"]);
    await this.#own(["clean", "-ffdxq"]);
    return join(this.#checkout, this.#source.path);
  }

  /** Its path, as people know it, in place of the one on this machine. */
  inWords(text: string): string {
    return text.replaceAll(`${this.#checkout}/`, "").replaceAll(this.#checkout, ".");
  }

  /** A repository of which git says something unexpected is made again the next time. */
  forget(): void {
    rmSync(this.#checkout, { recursive: true, force: true });
  }

  async #line(): Promise<GitCall> {
    return { signal: this.#signal, ...(await transportOf(this.#source)) };
  }

  /** One that has many packs is made again, which costs a clone and no upkeep. */
  async #prepare(): Promise<void> {
    const packs = packsIn(this.#checkout);
    if (packs !== undefined && packs.count <= mostPacks && packs.bytes <= mostPackBytes) return;
    this.forget();
    mkdirSync(this.#checkout, { recursive: true, mode: 0o700 });
    await this.#own(["init", "--quiet", "--template=", `--initial-branch=${this.#source.branch}`]);
    await this.#own(["config", "remote.origin.url", this.#source.url]);
  }

  async #receive(): Promise<void> {
    const { url, branch } = this.#source;
    const refs = `+refs/heads/${branch}:refs/remotes/origin/${branch}`;
    const args = ["fetch", "--quiet", `--depth=${mostCommits}`, "--no-write-fetch-head", url, refs];
    const call = { ...(await this.#line()), timeoutMs: fetchMs, fileBytes: this.#packBytes };
    const { code, why, hint } = await git(this.#checkout, args, call);
    if (code === 0) return;
    // The kernel ends the process that writes the pack at its bound, and git says no more than that it is gone.
    const isCut = (packsIn(this.#checkout)?.largest ?? 0) >= this.#packBytes;
    this.forget();
    if (isCut || /File too large|out of memory|unable to write/i.test(why)) throw tooLarge();
    throw unreachable(why, hint);
  }

  async #read(id: string): Promise<SourceCommit> {
    const format = "--format=%an <%ae>%x00%s%x00%ct";
    const { code, stdout } = await git(
      this.#checkout,
      ["log", "-1", "--no-color", format, id, "--"],
      this.#local,
    );
    const [author = "", subject = "", seconds = "0"] = stdout.split("\0");
    // someone has pushed since it was looked up: the next look finds that
    if (code !== 0) throw unreachable(`it no longer has commit ${shortCommit(id)}`);
    return { id, author: line(author), subject: line(subject), committedAtMs: Number(seconds) * 1000 };
  }

  /** git-verify-commit(1) and ssh-keygen(1), "ALLOWED SIGNERS". */
  async #signerOf(id: string): Promise<string | undefined> {
    const { allowedSigners } = this.#source;
    if (allowedSigners === undefined) return undefined;
    const file = join(this.folder, "allowed_signers");
    writeFileSync(file, allowedSigners, { mode: 0o600 });
    const settings = [
      ...["gpg.format=ssh", `gpg.ssh.allowedSignersFile=${file}`, "gpg.ssh.program=/usr/bin/ssh-keygen"],
    ];
    const call = { ...this.#local, settings };
    const verified = await git(this.#checkout, ["verify-commit", id], call);
    const shown = await git(this.#checkout, ["log", "-1", "--format=%G?%x00%GS", id, "--"], call);
    const [state = "", signer = ""] = shown.stdout.trimEnd().split("\0");
    if (verified.code === 0 && state === "G" && signer !== "") return line(signer);
    throw new KilnError(
      "source_unsigned",
      `Commit ${shortCommit(id)} has no signature of an allowed signer${state === "N" ? "" : `: ${verified.why}`}.`,
      {
        hint: "Sign it with ssh (`git commit --amend -S` with `gpg.format=ssh`) by a key in the file of allowed signers, and push it.",
      },
    );
  }

  /** A branch that was set back could bring back what was mended since. */
  async #requireDescent(id: string): Promise<void> {
    const before = this.#source.deployed?.commit;
    if (before === undefined || before === id) return;
    const { code } = await git(this.#checkout, ["merge-base", "--is-ancestor", before, id], this.#local);
    if (code === 0) return;
    throw new KilnError(
      "source_rewritten",
      `The branch ${this.#source.branch} was rewritten: commit ${shortCommit(id)} does not come after ${shortCommit(before)}, which was deployed last.`,
      {
        hint: `If that is intended, \`kiln source sync ${this.#source.service} --force\` deploys it.`,
      },
    );
  }

  async #treeOf(id: string): Promise<string> {
    const { path } = this.#source;
    const name = path === "." ? `${id}^{tree}` : `${id}:${path}`;
    const { code, stdout } = await git(
      this.#checkout,
      ["rev-parse", "--verify", "--quiet", name],
      this.#local,
    );
    const kind = await git(this.#checkout, ["cat-file", "-t", name], this.#local);
    if (code === 0 && kind.stdout.trim() === "tree") return stdout.trim();
    throw new KilnError("source_invalid", `Commit ${shortCommit(id)} has no folder ${path}.`, {
      hint: "Push a commit that has it, or add the source again with another `--path`.",
    });
  }

  /** Before anything is written: a few bytes of a repository can be thousands of files, and millions of folders above them. */
  async #requireSize(id: string): Promise<void> {
    const { code, stdout } = await git(this.#checkout, ["ls-tree", "-r", "-t", "-l", id], this.#local).catch(
      (error: unknown) => {
        const isBound = error instanceof KilnError && error.code !== "cancelled";
        throw isBound ? tooLarge() : error;
      },
    );
    const sizes = stdout.matchAll(/^\d+ \w+ [0-9a-f]+ +(\d+|-)\t/gm);
    let [files, bytes] = [0, 0];
    for (const [, size] of sizes) {
      files += 1;
      bytes += Number(size) || 0;
    }
    if (code !== 0 || files > mostFiles || bytes > mostBytes) throw tooLarge();
  }

  get #local(): GitCall {
    return { signal: this.#signal };
  }

  /** What does not fail in a repository that is whole. */
  async #own(args: readonly string[]): Promise<void> {
    const { code, why } = await git(this.#checkout, args, { ...this.#local, timeoutMs: 300_000 });
    if (code === 0) return;
    this.forget();
    throw new KilnError("source_invalid", `The repository cannot be used: ${why}.`, {
      hint: "Kiln fetches it again by itself. If that does not help, `git fsck` in a clone shows what is wrong with it.",
      retry: true,
    });
  }
}

/** git-ls-remote(1) also answers with references that only end in the name asked for, such as `refs/heads/a/refs/heads/main`. */
function idOf(answer: string, name: string): string | undefined {
  const named = answer.split("\n").find((row) => row.endsWith(`\t${name}`));
  return /^([0-9a-f]{40}|[0-9a-f]{64})\t/.exec(named ?? "")?.[1];
}

/** The name of the service could be too long for a socket in it. */
export function folderOf(sources: string, service: ServiceKey): string {
  return join(sources, createHash("sha256").update(service).digest("hex").slice(0, 12));
}

interface Packs {
  readonly count: number;
  /** Of all files. */
  readonly bytes: number;
  /** Of the largest one. */
  readonly largest: number;
}

/** Undefined: there is no repository. */
function packsIn(checkout: string): Packs | undefined {
  const folder = join(checkout, ".git/objects/pack");
  try {
    const names = readdirSync(folder);
    const sizes = names.map((name) => statSync(join(folder, name)).size);
    return {
      count: names.filter((name) => name.endsWith(".pack")).length,
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      largest: Math.max(0, ...sizes),
    };
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return undefined;
    throw error;
  }
}

function unreachable(why: string, hint = "Check the URL, the network and the credentials."): KilnError {
  return new KilnError("source_unreachable", `The repository cannot be fetched: ${why}.`, {
    hint: `${hint} Kiln tries again by itself. What serves stays as it is.`,
    retry: true,
  });
}

function tooLarge(): KilnError {
  const most = `${mostFiles.toLocaleString("en")} files and ${mostBytes / 2 ** 30} GiB, in packs of ${largestFileBytes / 2 ** 30} GiB`;
  return new KilnError("source_too_large", `The repository is larger than what Kiln fetches: ${most}.`, {
    hint: "Keep large files elsewhere, or deploy with a pipeline that runs `kiln deploy`.",
  });
}

/** Authors may write anything. */
function line(text: string): string {
  return text
    .replace(/\p{Cc}/gu, " ")
    .trim()
    .slice(0, 200);
}
