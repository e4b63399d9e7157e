import type { ServiceKey } from "./ids.ts";

/** A git repository that a service follows: each new commit of its branch is deployed. */
export interface GitSource extends SourceSpec {
  readonly service: ServiceKey;
  readonly addedAtMs: number;
  readonly addedBy: string;
  /** Present: nothing is deployed from the repository until someone resumes it. */
  readonly hold: SourceHold | undefined;
  /** The branch as it was seen last. */
  readonly head: SourceCommit | undefined;
  /** When that was; undefined: not yet. */
  readonly lookedAtMs: number | undefined;
  /** What was deployed last. */
  readonly deployed: SourceDeploy | undefined;
  /** Why the branch's commit is not deployed; undefined while all is well. */
  readonly failing: SourceFailure | undefined;
  readonly nextLookAtMs: number;
}

/** How a repository is followed. */
export interface SourceSpec {
  /** As git takes it; without credentials. */
  readonly url: string;
  readonly branch: string;
  /** The folder of `kiln.yaml` within the repository; `.` is its top. */
  readonly path: string;
  readonly intervalMs: number;
  /** A file of the controller's machine: a token for https, a private key for ssh. */
  readonly credentials?: string | undefined;
  /** A file of the controller's machine, ssh's known_hosts. */
  readonly knownHosts?: string | undefined;
  /** Content of a file of allowed signers (ssh-keygen(1)). Present: only commits that one of them has signed are deployed. */
  readonly allowedSigners?: string | undefined;
}

export interface SourceHold {
  readonly sinceMs: number;
  readonly by: string;
  /** What that one did: `rolled it back`. */
  readonly because: string;
}

export interface SourceCommit {
  readonly id: string;
  /** Who wrote it, as the commit says: nothing proves it. */
  readonly author: string;
  readonly subject: string;
  readonly committedAtMs: number;
  /** The principal of the allowed signer whose signature it has. */
  readonly signer?: string | undefined;
}

export interface SourceDeploy {
  readonly commit: string;
  /** The id of what `path` has at that commit: equal content is not deployed again. */
  readonly tree: string;
  readonly atMs: number;
  readonly release: number;
  /** Absent: the release served already. */
  readonly rollout?: number | undefined;
}

export interface SourceFailure {
  readonly sinceMs: number;
  readonly attempts: number;
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Single problems, each with its place in the repository. */
  readonly problems: readonly string[];
  /** What was to be deployed; absent: the branch could not be read. */
  readonly commit?: string | undefined;
  /** When `commit` is tried again, if the branch still has it then. */
  readonly nextTryAtMs?: number | undefined;
}

/** By which a forge reports pushes to the repository that a service follows. */
export interface SourceWebhook {
  /** Names it in its URL. */
  readonly id: string;
  readonly service: ServiceKey;
  readonly addedAtMs: number;
  readonly addedBy: string;
  /** When the last message came that proved to be the forge's. */
  readonly usedAtMs: number | undefined;
}

const firstPauseMs = 5_000;
/** What someone else has to do, such as an approval, is noticed after this time at the latest. */
const longestPauseMs = 900_000;

/** How long to wait before the same is tried again, after so many failed attempts, from 1: twice as long each time, and never less than usual. */
export function pauseAfterFailures(attempts: number, intervalMs: number): number {
  const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(20, attempts - 1));
  return Math.max(intervalMs, pause);
}

/** A commit's id, for people. */
export function shortCommit(id: string): string {
  return id.slice(0, 10);
}

/** One sentence each: what keeps a service from following its repository now, and what to do about it. */
export interface SourceTrouble {
  readonly message: string;
  readonly hint: string;
}

/** What tells whether a repository is followed. */
export interface FollowedSource {
  readonly service: string;
  readonly hold?: Pick<SourceHold, "by" | "because"> | undefined;
  readonly failing?: Pick<SourceFailure, "message" | "commit"> | undefined;
}

/** Undefined: it is followed. */
export function sourceTrouble({ service, hold, failing }: FollowedSource): SourceTrouble | undefined {
  if (hold !== undefined)
    return {
      message: `${service} does not follow its repository: ${hold.by} ${hold.because}.`,
      hint: `\`kiln source resume ${service}\` lets it follow again.`,
    };
  if (failing === undefined) return undefined;
  const what = failing.commit === undefined ? "" : ` Commit ${shortCommit(failing.commit)} is not deployed.`;
  return {
    message: `${failing.message}${what}`,
    hint: `\`kiln source show ${service}\` shows more; Kiln tries again by itself.`,
  };
}
