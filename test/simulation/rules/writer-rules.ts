import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import { isAlone, type Knowledge, type Presence } from "./knowledge.ts";
import type { Verdict } from "./verdict.ts";

/** The longest that a plan is carried out by what was desired before, where two services share a look. */
const planMs = 20_000;

/**
 * Never two servers that write: with `recreate`, servers of two releases of a service never exist together, as they really are and
 * not as a look shows them. What another strategy had begun may still come to its end.
 */
export class WriterRules {
  readonly #k: Knowledge;
  readonly #verdict: Verdict;
  readonly #aloneSinceMs = new Map<ServiceKey, number>();
  /** Releases whose servers were asked for since then. */
  readonly #asked = new Map<ServiceKey, Set<number>>();
  readonly #present = new Map<ServiceKey, ReadonlySet<ServerId>>();

  constructor(knowledge: Knowledge, verdict: Verdict) {
    this.#k = knowledge;
    this.#verdict = verdict;
  }

  onDesired(service: ServiceKey): void {
    if (!isAlone(this.#k.desired.get(service))) {
      this.#aloneSinceMs.delete(service);
      this.#asked.delete(service);
    } else if (!this.#aloneSinceMs.has(service)) this.#aloneSinceMs.set(service, this.#k.now());
  }

  /** `seenMs`: when the last look began. `raised`: there are more of them now. */
  onResize(
    service: ServiceKey,
    release: number,
    { size, raised, seenMs }: { size: number; raised: boolean; seenMs: number },
  ): void {
    const sinceMs = this.#aloneSinceMs.get(service) ?? Number.POSITIVE_INFINITY;
    const slackMs = this.#k.services.length > 1 ? planMs : 0;
    if (!raised || seenMs < sinceMs + slackMs) return;
    // A platform that has forgotten its sizes is told of what is there already.
    const there = this.#k.present(service).filter((server) => server.release === release);
    if (size <= there.length) return;
    this.#asked.set(service, (this.#asked.get(service) ?? new Set()).add(release));
    this.#mustBeAlone(service, release, `servers of release ${release} are asked for`);
  }

  step(service: ServiceKey): void {
    const present = this.#k.present(service);
    const before = this.#present.get(service) ?? new Set();
    this.#present.set(service, new Set(present.map(({ id }) => id)));
    const asked = this.#asked.get(service);
    if (asked === undefined || !present.some(({ release }) => asked.has(release))) return;
    for (const { id, release } of present.filter((server) => !before.has(server.id)))
      this.#mustBeAlone(service, release, `${id} of release ${release} comes`);
  }

  #mustBeAlone(service: ServiceKey, release: number, what: string): void {
    if (this.#k.isTampered(service)) return;
    const others = this.#k.present(service).filter((server) => server.release !== release);
    this.#verdict.expect(
      others.length === 0,
      "one-release-writes",
      () => `${what} while there is ${others.map(inWords).join(", ")}`,
    );
  }
}

function inWords({ id, release }: Presence): string {
  return `${id} of release ${release}`;
}
