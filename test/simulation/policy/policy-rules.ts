import type { DeployRequest } from "../../../src/controller/operations.ts";
import type { ServiceKey } from "../../../src/domain/ids.ts";
import { isFrozenBy } from "../../../src/domain/policy/policy.ts";
import type { Rollout } from "../../../src/domain/rollout/rollout.ts";
import type { StartDeploy } from "../../../src/store/rollouts/start.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Verdict } from "../rules/verdict.ts";
import { emergency, type Person, personBehind } from "./people.ts";
import { areOpen, isFor, type WrittenPolicy } from "./written.ts";

interface Consent {
  readonly plan: string;
  readonly person: Person;
  readonly atMs: number;
}

/** A rollout that is to begin, as the referee sees it. */
interface Beginning {
  readonly service: ServiceKey;
  readonly person: Person | undefined;
  readonly reason: string | undefined;
  /** The digest of its plan. Absent: no one asked for it. */
  readonly plan: string | undefined;
  /** By the controller's clock. */
  readonly atMs: number;
}

/** When rollouts begin, by policies as their authors mean them, and by who people really are. */
export class PolicyRules {
  readonly #verdict: Verdict;
  readonly #consents: Consent[] = [];
  /** By digest, what the plan is of. */
  readonly #plans = new Map<string, string>();
  #policy: WrittenPolicy | undefined;
  /** Whether the platform is looked at for people, too, whose plans need that: one such look that fails says nothing about the loop's last one. */
  othersLook = false;

  constructor(verdict: Verdict) {
    this.#verdict = verdict;
  }

  /** It holds from now on, in place of the one before. */
  set policy(policy: WrittenPolicy | undefined) {
    this.#policy = policy;
    if (policy?.approvals !== undefined) this.othersLook = true;
  }

  onApproved(consent: Consent): void {
    this.#consents.push(consent);
  }

  /** Whether someone who has seen policies refuse a deploy has a reason to believe so. */
  onRefused(store: Store, request: DeployRequest, beginning: Beginning): void {
    const { service, plan } = beginning;
    if (plan !== undefined) this.#sees(plan, contentOf(store, request));
    this.#verdict.expect(
      isFrozen(store, service) || this.#against(beginning).length > 0,
      "what-may-begin-begins",
      () => `a deploy of ${service} is refused, and nothing speaks against it`,
    );
  }

  onStarted(store: Store, start: StartDeploy): void {
    const { release, admission } = start;
    const { service } = release;
    const rollout = store.desired(service)?.rollout;
    if (rollout === undefined) return;
    if (admission?.breakGlass) this.#isOnRecord(store, service, rollout.id);
    else this.#mayBegin(store, start, rollout);
  }

  #mayBegin(
    store: Store,
    { release, admission, by, ...start }: StartDeploy,
    { startedAtMs, from }: Rollout,
  ): void {
    const { service } = release;
    const { reason } = by;
    const person = personBehind(by.actor);
    this.#verdict.expect(
      !isFrozen(store, service),
      "no-deploy-begins-in-a-freeze",
      () => `a deploy of ${service} begins, and a freeze holds`,
    );
    const plan = admission?.plan;
    const [first] = this.#against({ service, person, reason, plan, atMs: startedAtMs });
    this.#verdict.expect(
      first === undefined,
      first ?? "",
      () => `a deploy of ${service} begins, and the policy is ${JSON.stringify(this.#policy)}`,
    );
    if (plan !== undefined) this.#sees(plan, contentOf(store, { service, draft: release, ...start }, from));
  }

  #sees(plan: string, content: string): void {
    const before = this.#plans.get(plan) ?? content;
    this.#plans.set(plan, before);
    this.#verdict.expect(
      before === content,
      "what-was-approved-begins",
      () => `${plan} was shown for ${before}, and is for ${content}`,
    );
  }

  onReviewed(beginner: Person | undefined, reviewer: Person): void {
    this.#verdict.expect(
      beginner !== undefined && beginner !== reviewer,
      "no-review-of-ones-own",
      () => `${reviewer} has reviewed a rollout that ${beginner} began`,
    );
  }

  /** Rollbacks ask no policy. */
  onRollbackRefused(words: string): void {
    this.#verdict.fail("rollbacks-never-wait", words);
  }

  #isOnRecord(store: Store, service: ServiceKey, rollout: number): void {
    const override = store.policies.overrides(service).find((one) => one.rollout === rollout);
    this.#verdict.expect(
      override !== undefined && override.review === undefined && override.reason === emergency,
      "break-glass-is-on-record",
      () =>
        `rollout ${rollout} of ${service} begins against policies, and no one has to review that, or it is not known why`,
    );
  }

  /** The rules that do not let it begin, by the names under which they are found broken. */
  #against({ service, person, reason, plan, atMs }: Beginning): readonly string[] {
    const policy = this.#policy;
    if (policy === undefined || !isFor(policy, service)) return [];
    const { windows, needsReason, approvals } = policy;
    const shut = areOpen(windows, atMs) ? [] : ["no-deploy-begins-outside-a-window"];
    const silent = needsReason && reason === undefined ? ["no-deploy-begins-without-a-reason"] : [];
    if (approvals === undefined) return [...shut, ...silent];
    const valid = this.#consents.filter(
      (consent) => consent.plan === plan && atMs - consent.atMs < approvals.minutes * 60_000,
    );
    const others = new Set(valid.map((consent) => consent.person).filter((other) => other !== person));
    return [...shut, ...silent, ...(others.size < approvals.count ? ["no-deploy-begins-unapproved"] : [])];
  }
}

function isFrozen(store: Store, service: ServiceKey): boolean {
  return store.policies.freezes().some((freeze) => isFrozenBy(freeze, service, Number.NEGATIVE_INFINITY));
}

/** What a person who approves a plan has seen. */
function contentOf(
  store: Store,
  {
    service,
    draft,
    count,
    policy,
  }: Pick<DeployRequest, "service" | "count" | "policy"> & {
    readonly draft: Pick<DeployRequest["draft"], "image" | "version">;
  },
  from = store.desired(service)?.serving,
): string {
  const { image, version } = draft;
  return JSON.stringify({ service, from, image, version, count, policy });
}
