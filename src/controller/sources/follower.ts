import type { SourceActor } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import { type GitSource, type SourceCommit, shortCommit } from "../../domain/source.ts";
import { type KilnError, type Problem, toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { Routine } from "../../lib/time/routine.ts";
import type { Store } from "../../store/store.ts";
import type { Deployed } from "./deploy-process.ts";
import { parseRemote, repositoryName } from "./remote.ts";
import { type Fetched, Repository } from "./repository.ts";

/** A commit that is to be deployed. */
export interface SourceDeployment {
  readonly service: ServiceKey;
  readonly actor: SourceActor;
  /** The folder of `kiln.yaml`. */
  readonly project: string;
  /** Below it is room for a socket. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

export interface FollowerParts {
  readonly store: Pick<Store, "sources">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where the controller's copies of repositories are. */
  readonly folder: string;
  /** As `kiln deploy` does it. Throws what that throws. */
  readonly deploy: (deployment: SourceDeployment) => Promise<Deployed>;
}

/** What the next look is to do besides what is due. */
interface Asked {
  /** Deploy the branch's commit also if it was deployed before, and if the branch was rewritten. */
  readonly force?: boolean;
  /** Try the branch's commit again if it fails, however soon. */
  readonly retry?: boolean;
}

const retryMs = 10_000;

/** Follows the repository of one service: looks, deploys what is new, records what came of it, and waits. It keeps nothing that a crash could lose. */
export class Follower {
  readonly #service: ServiceKey;
  readonly #parts: FollowerParts;
  readonly #routine: Routine;
  /** Undefined: no one asks for a look. */
  #asked: Asked | undefined;
  #isAtWork = false;

  constructor(service: ServiceKey, parts: FollowerParts) {
    this.#service = service;
    this.#parts = parts;
    this.#routine = new Routine({
      ...{ clock: parts.clock, retryMs },
      turn: (signal) => this.#turn(signal),
      failed: (error) =>
        parts.log.error({ err: toKilnError(error), service }, "a repository cannot be followed"),
    });
  }

  /** Looks now, or once more after the look that is under way. */
  look(asked: Asked = {}): void {
    this.#asked = { ...this.#asked, ...asked };
    this.#routine.wake();
  }

  /** Whether a look is under way, or due. */
  get isLooking(): boolean {
    const dueAtMs = this.#source()?.nextLookAtMs ?? Number.POSITIVE_INFINITY;
    return this.#asked !== undefined || this.#isAtWork || dueAtMs <= this.#parts.clock.now();
  }

  end(): Promise<void> {
    return this.#routine.end();
  }

  #source(): GitSource | undefined {
    return this.#parts.store.sources.find(this.#service);
  }

  async #turn(signal: AbortSignal): Promise<number | undefined> {
    const source = this.#source();
    if (source === undefined) return undefined;
    const leftMs = source.nextLookAtMs - this.#parts.clock.now();
    if (leftMs > 0 && this.#asked === undefined) return Math.min(leftMs, source.intervalMs);
    this.#isAtWork = true;
    try {
      await this.#look(source, signal);
    } finally {
      this.#isAtWork = false;
    }
    return 0;
  }

  async #look(source: GitSource, signal: AbortSignal): Promise<void> {
    const { store, clock, folder, log } = this.#parts;
    const { sources } = store;
    const asked = this.#asked ?? {};
    this.#asked = undefined;
    const repository = new Repository(folder, source, signal);
    let found: Fetched | undefined;
    let id: string | undefined;
    try {
      id = await repository.head();
      if (isSettled(source, id, asked)) return sources.looked(source.service, undefined);
      if (isWaiting(source, id, asked, clock.now())) return sources.waited(source.service);
      found = await repository.fetch(id, { rewritten: asked.force === true });
      if (isHeld(this.#source())) return sources.looked(source.service, found.commit);
      const { commit, tree } = found;
      const { deployed } = source;
      if (deployed?.tree === tree && !asked.force) {
        return sources.deployed(source.service, commit, { ...deployed, commit: id });
      }
      const done = await this.#deploy(source, repository, commit, signal);
      sources.deployed(source.service, commit, { commit: id, tree, ...done });
    } catch (error) {
      if (signal.aborted) return;
      const failure = failureOf(toKilnError(error), repository, id);
      sources.failed(source.service, failure, found?.commit);
      log.warn({ service: source.service, ...failure }, "a commit was not deployed");
    }
  }

  async #deploy(
    source: GitSource,
    repository: Repository,
    commit: SourceCommit,
    signal: AbortSignal,
  ): Promise<Deployed> {
    const project = await repository.checkOut(commit.id);
    const { folder } = repository;
    const actor = actorOf(source, commit);
    return this.#parts.deploy({ service: source.service, actor, project, folder, signal });
  }
}

/** Whether nothing is to be done about the branch's commit; a hold still lets its author and subject be shown. */
function isSettled({ deployed, hold, head }: GitSource, id: string, { force }: Asked): boolean {
  if (hold !== undefined) return head?.id === id;
  return !force && deployed?.commit === id;
}

/** Whether the branch still has the commit that fails, and it is too soon to try it again. */
function isWaiting({ failing }: GitSource, id: string, { force, retry }: Asked, nowMs: number): boolean {
  if (failing?.commit !== id || force || retry) return false;
  return nowMs < (failing.nextTryAtMs ?? 0);
}

function isHeld(source: GitSource | undefined): boolean {
  return source === undefined || source.hold !== undefined;
}

function actorOf({ url, branch }: GitSource, { id, author, signer }: SourceCommit): SourceActor {
  const repository = repositoryName(parseRemote(url));
  return {
    ...{ via: "source", name: `${repository}@${shortCommit(id)}`, repository },
    ...{ ref: `refs/heads/${branch}`, commit: id, author },
    ...(signer === undefined ? {} : { signer }),
  };
}

function failureOf(
  { code, message, hint, problems }: KilnError,
  repository: Repository,
  commit: string | undefined,
) {
  const words = (text: string) => repository.inWords(text);
  return {
    ...{ code, message: words(message), problems: problems.map((problem) => words(problemText(problem))) },
    ...(hint === undefined ? {} : { hint: words(hint) }),
    ...(commit === undefined ? {} : { commit }),
  };
}

function problemText({ place, message, hint }: Problem): string {
  const at =
    place === undefined ? [] : [place.file, place.line, place.column].filter((part) => part !== undefined);
  return `${at.length === 0 ? "" : `${at.join(":")}: `}${message}${hint === undefined ? "" : ` ${hint}`}`;
}
