import type { Controller } from "../../../src/controller/controller.ts";
import type { Accepted, DeployRequest } from "../../../src/controller/operations.ts";
import type { Asker } from "../../../src/domain/access/actor.ts";
import { anAsker } from "../../../src/domain/testing.ts";
import { KilnError } from "../../../src/lib/errors.ts";
import type { Clock } from "../../../src/lib/time/clock.ts";
import { readPolicy } from "../../../src/spec/policy/read-policy.ts";
import type { Store } from "../../../src/store/store.ts";
import { isAnswer, isPolicyRefusal } from "../answers.ts";
import { Killed } from "../life.ts";
import type { Random } from "../random.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { Request, Tally } from "../tally.ts";
import type { Trace } from "../trace.ts";
import { identitiesOf, type Person, people, personBehind } from "./people.ts";
import type { PolicyRules } from "./policy-rules.ts";
import { aWrittenPolicy, type Concern, shutForGood, textOf, type WrittenPolicy } from "./written.ts";

export interface CouncilParts {
  readonly random: Random;
  /** What policies are about. Absent: there are none. */
  readonly about: Concern | undefined;
  readonly rules: PolicyRules;
  /** Undefined while there is no controller. */
  readonly present: () => Present | undefined;
  /** Real time. */
  readonly time: Clock;
  readonly verdict: Verdict;
  readonly trace: Trace;
  readonly tally: Tally;
}

/** What the people meet. */
export interface Present {
  readonly controller: Controller;
  /** Read past all seams. */
  readonly store: Store;
  /** The controller's clock. */
  readonly nowMs: () => number;
}

/** A deploy that waits for approvals. */
interface Petition {
  readonly request: DeployRequest;
  readonly plan: string;
  readonly author: Person;
}

/** One of these moments is amid a run: the clocks of Berlin are set within minutes. */
const clockChanges = [Date.UTC(2001, 9, 28, 1), Date.UTC(2002, 2, 31, 1)] as const;

/** The people who write policies, approve plans, begin what was approved, and review what no policy let through. */
export class Council {
  readonly #parts: CouncilParts;
  readonly #petitions: Petition[] = [];
  readonly #concern: Concern | undefined;

  constructor(parts: CouncilParts) {
    this.#parts = parts;
    this.#concern = parts.about;
  }

  /** Which moment the machine's clock shows when the run begins; undefined: any. */
  beginning(): number | undefined {
    const { random } = this.#parts;
    if (this.#concern === undefined || !random.chance(0.3)) return undefined;
    return random.pick(clockChanges) - random.int(0, 8) * 60_000;
  }

  act(): void {
    const { random } = this.#parts;
    const present = this.#parts.present();
    const concern = this.#concern;
    if (concern === undefined || present === undefined) return;
    const write = concern === "windows" ? 2 : 0.7; // approvals take time
    const usual = random.weighted({ nothing: 6, write, lift: 0.3, approve: 1, review: 2 });
    const what = present.store.policies.file() === undefined && random.chance(0.5) ? "write" : usual;
    if (what === "write") this.#write(present.store, aWrittenPolicy(random, present.nowMs(), concern));
    else if (what === "lift") this.#lift(present.store);
    else if (what === "approve") this.#approve(random.any(this.#petitions));
    else if (what === "review") this.#review(present);
  }

  /** Mostly no rollout may begin any more, and what has begun has to come to its end all the same. */
  conclude(): void {
    const present = this.#parts.present();
    if (present !== undefined && this.#concern !== undefined && this.#parts.random.chance(0.7))
      this.#write(present.store, shutForGood);
  }

  /** What someone gives who begins a deploy; undefined: none. */
  reason(): string | undefined {
    return this.#concern !== undefined && this.#parts.random.chance(0.4) ? "it was asked for" : undefined;
  }

  /** Hears what becomes of a deploy. */
  follow(request: DeployRequest, by: Asker, answer: Promise<Accepted>): void {
    const { random, rules, tally, present } = this.#parts;
    const author = personBehind(by.actor);
    answer.then(
      ({ admission }) => {
        if (admission?.breakGlass !== true && admission?.plan !== undefined)
          tally.add("deploy that was approved");
      },
      (error: unknown) => {
        const now = present();
        if (!isPolicyRefusal(error) || now === undefined) return;
        for (const { message } of error.problems) tally.add(refusalOf(message));
        const { service, reason } = request;
        const plan = error.problems.map(planIn).find((digest) => digest !== undefined);
        rules.onRefused(now.store, request, { service, person: author, reason, plan, atMs: now.nowMs() });
        if (plan === undefined || author === undefined) return;
        const petition = { request, plan, author };
        this.#petitions.push(petition);
        if (random.chance(0.8)) void this.#take(petition);
      },
    );
  }

  #write(store: Store, policy: WrittenPolicy): void {
    const { trace, tally, rules } = this.#parts;
    const text = textOf(policy);
    trace.add(() => `council: ${text}`);
    store.policies.setFile({ name: "policy.yaml", text, rules: readPolicy("policy.yaml", text) }, anAsker());
    rules.policy = policy;
    const runs = store.desiredAll().some(({ rollout }) => rollout !== undefined);
    tally.add(runs ? "another policy during a rollout" : "another policy");
  }

  #lift(store: Store): void {
    const { rules, trace } = this.#parts;
    trace.add(() => "council: no policy");
    store.policies.removeFile(anAsker());
    rules.policy = undefined;
  }

  /** People look at a deploy that was refused, and someone begins it, soon or when what they said counts no more. */
  async #take(petition: Petition): Promise<void> {
    const { random, time } = this.#parts;
    await time.sleep(random.int(0, 10_000));
    this.#approve(petition);
    await time.sleep(random.chance(0.6) ? random.int(0, 3_000) : random.int(58_000, 70_000));
    this.#repeat(petition);
  }

  /** Anyone may say yes, also the author, also twice; only others count, once each. */
  #approve(petition: Petition | undefined): void {
    const { random, rules, tally, present } = this.#parts;
    const controller = present()?.controller;
    if (petition === undefined || controller === undefined) return;
    const { plan, author } = petition;
    for (let n = random.int(1, 3); n > 0; n--) {
      const person = random.chance(0.4) ? author : random.pick(people);
      const by = random.pick(identitiesOf(person));
      this.#hear(`${person} approves ${plan}`, controller.approve({ plan }, by), ({ atMs }) => {
        rules.onApproved({ plan, person, atMs });
        tally.add("approve");
      });
    }
  }

  /** As it was, or with more servers than were approved. */
  #repeat({ request, author }: Petition): void {
    const { random, tally, present } = this.#parts;
    const controller = present()?.controller;
    if (controller === undefined) return;
    const person = random.chance(0.7) ? author : random.pick(people);
    const by = random.pick(identitiesOf(person));
    const isChanged = random.chance(0.15);
    if (isChanged) tally.add("deploy changed after its approval");
    const again = { ...request, reason: "it was approved", count: request.count + (isChanged ? 1 : 0) };
    const answer = controller.deploy(again, by);
    this.follow(again, by, answer);
    this.#hear(`${person} repeats a deploy`, answer, () => {});
  }

  /** Anyone tries, also the one who began it. */
  #review({ controller, store }: Present): void {
    const { random, rules, tally } = this.#parts;
    const override = random.any(store.policies.overrides().filter(({ review }) => review === undefined));
    if (override === undefined) return;
    const { rollout } = override;
    const person = random.pick(people);
    const beginner = people.find((one) =>
      identitiesOf(one).some(({ actor }) => actor.name === override.person.name),
    );
    const answer = controller.review({ rollout, reason: "seen" }, random.pick(identitiesOf(person)));
    this.#hear(`${person} reviews rollout ${rollout}`, answer, () => {
      rules.onReviewed(beginner, person);
      tally.add("review");
    });
  }

  #hear<T>(what: string, answer: Promise<T>, done: (value: T) => void): void {
    const { trace, verdict } = this.#parts;
    trace.add(() => `council: ${what}`);
    answer.then(
      (value) => {
        trace.add(() => `council: ${what} -> done`);
        done(value);
      },
      (error: unknown) => {
        if (error instanceof Killed) return;
        trace.add(() => `council: ${what} is refused: ${error instanceof Error ? error.message : error}`);
        if (!isAnswer(error) && !isPolicyRefusal(error) && !isReviewRefused(error))
          verdict.fail(
            "every-request-has-an-answer",
            `${what}: ${error instanceof Error ? error.stack : error}`,
          );
      },
    );
  }
}

/** What `kiln approve` takes, from the words of a refusal. */
function planIn({ hint = "" }: { readonly hint?: string }): string | undefined {
  return /kiln approve (sha256:\w+)/.exec(hint)?.[1];
}

function refusalOf(words: string): Request {
  if (words.includes("has frozen")) return "deploy that a freeze refuses";
  if (words.includes("no rollout begins")) return "deploy that a window refuses";
  return words.includes("approved this plan")
    ? "deploy that waits for approvals"
    : "deploy that lacks a reason";
}

function isReviewRefused(error: unknown): boolean {
  return error instanceof KilnError && error.code === "review_refused";
}
