import { isAbsolute } from "node:path";
import type { SourceSpec } from "../../domain/source.ts";
import { KilnError } from "../../lib/errors.ts";
import { readPrivateFile } from "../../lib/files/private-file.ts";
import { exec } from "../../lib/process/exec.ts";
import { closedEnvironment, closedGit } from "../../lib/process/git-closed.ts";
import { addressesOf, parseRemote } from "./remote.ts";
import { type Explained, explainSsh, sshCommand, sshFiles } from "./ssh.ts";

/** Of a pack, or a file of a commit: more is not received. */
export const largestFileBytes = 1 << 30;
const mostMemoryBytes = 4 * 2 ** 30;

/**
 * What a repository that the controller made itself is used with. Objects that are malformed in a way that could harm are refused; those that old
 * versions of git have written are not.
 */
const ownSettings: readonly string[] = [
  ...["fetch.fsckObjects=true", "fetch.fsck.zeroPaddedFilemode=ignore", "fetch.fsck.badTimezone=ignore"],
  ...["fetch.fsck.missingSpaceBeforeDate=ignore", "fetch.unpackLimit=1", "fetch.recurseSubmodules=false"],
  ...["submodule.recurse=false", "gc.auto=0", "maintenance.auto=false", "core.autocrlf=false"],
  ...["http.followRedirects=false", "http.lowSpeedLimit=1000", "http.lowSpeedTime=30", "http.proxy="],
  ...["credential.helper=", "core.askPass=/bin/false", "gpg.program=/bin/false"],
  ...["gpg.x509.program=/bin/false", "log.showSignature=false"],
];

export interface GitCall {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
  /** Of a file that git writes. Absent: `largestFileBytes`. */
  readonly fileBytes?: number;
  readonly settings?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What its errors mean, where that is known. */
  readonly explain?: (stderr: string) => Explained | undefined;
}

export interface GitAnswer {
  readonly code: number;
  readonly stdout: string;
  /** The last words of its errors, as the end of a sentence. */
  readonly why: string;
  /** What to do about it, where that is known. */
  readonly hint?: string;
}

/** Runs git in one of the controller's own repositories, with bounds on memory, time and the size of files. Only the caller's transports are used. */
export async function git(folder: string, args: readonly string[], call: GitCall): Promise<GitAnswer> {
  const { signal, timeoutMs = 60_000, fileBytes = largestFileBytes, settings = [], env = {} } = call;
  const limits = [`--fsize=${fileBytes}`, `--as=${mostMemoryBytes}`, "--core=0"];
  const argv = ["prlimit", ...limits, ...closedGit(folder, [...ownSettings, ...settings]), ...args] as const;
  const given = { env: { ...closedEnvironment, ...env }, signal, timeoutMs, accept: "any" } as const;
  const { code, stdout, stderr } = await exec(argv, given);
  const explained = code === 0 ? undefined : call.explain?.(stderr);
  return { code, stdout, why: lastWords(stderr, code), ...explained };
}

/** Lines that say less than what stands before them. */
const vague =
  /^(hint:|fatal: Could not read from remote repository|Please make sure you have the correct|and the repository exists)/;

function lastWords(stderr: string, code: number): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "" && !vague.test(line));
  const fatal = lines.findLast((line) => /^(fatal|error|remote|ssh):/.test(line)) ?? lines.at(-1);
  const words = fatal?.replace(/^(fatal|error): /, "").replace(/\p{Cc}/gu, "");
  return words?.slice(0, 300).replace(/\.$/, "") ?? `git exited with ${code}`;
}

/** How git reaches the repository: by the protocol of its URL alone, at the addresses that its host has now, with the credentials of the file. */
export async function transportOf(
  source: SourceSpec,
): Promise<Pick<GitCall, "settings" | "env" | "explain">> {
  const remote = parseRemote(source.url);
  const addresses = await addressesOf(remote);
  const allowed = { GIT_ALLOW_PROTOCOL: remote.protocol };
  if (remote.protocol === "ssh") {
    const files = sshFiles(source, "source_invalid");
    readCredentials(files.key);
    const env = { GIT_SSH_COMMAND: sshCommand(remote, addresses, files), GIT_SSH_VARIANT: "ssh" };
    return { env: { ...allowed, ...env }, explain: (stderr) => explainSsh(stderr, remote, files) };
  }
  if (remote.protocol === "git") return { env: allowed };
  const { host, port = remote.protocol === "https" ? 443 : 80 } = remote;
  const pinned = [`http.curloptResolve=${host}:${port}:${addresses.map(bracketed).join(",")}`];
  const settings = host === addresses[0] ? [] : pinned;
  return { settings, env: { ...allowed, ...headerOf(source) } };
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** In the environment, which no other user sees, and not among the arguments: git-config(1), `GIT_CONFIG_COUNT`. */
function headerOf({ credentials }: SourceSpec): Readonly<Record<string, string>> {
  if (credentials === undefined) return {};
  const [, user = "x-access-token", token = ""] =
    /^(?:([^\s:]{1,200}):)?(\S{1,4000})$/.exec(readCredentials(credentials).toString().trim()) ?? [];
  if (token === "") {
    throw new KilnError("source_invalid", `The file ${credentials} holds no token.`, {
      hint: "Expected one line: TOKEN, or USER:TOKEN.",
    });
  }
  const header = `Authorization: Basic ${Buffer.from(`${user}:${token}`).toString("base64")}`;
  return { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "http.extraHeader", GIT_CONFIG_VALUE_0: header };
}

function readCredentials(path: string): Buffer {
  return readPrivateFile(path, {
    code: "source_invalid",
    missing: "the repository cannot be fetched",
    restore: "Put it there, or add the source again with another file.",
    exposed: "If someone else may have read it, replace it at the forge.",
  });
}

/** Throws `usage` for a path that a shell or ssh(1) could understand in another way. */
export function requirePlainPath(path: string): void {
  if (isAbsolute(path) && /^[A-Za-z0-9._@+/-]{1,500}$/.test(path)) return;
  throw new KilnError("usage", "The path of a file of credentials is not one that Kiln takes.", {
    hint: "Expected an absolute path on the controller's machine, of letters, digits and `._@+/-`.",
  });
}
