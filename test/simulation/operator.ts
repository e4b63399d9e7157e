import type { Controller } from "../../src/controller/controller.ts";
import type { Accepted, DeployRequest } from "../../src/controller/operations.ts";
import type { ServiceKey } from "../../src/domain/ids.ts";
import type { Rollout } from "../../src/domain/rollout/rollout.ts";
import type { JobSpec } from "../../src/domain/spec/job-spec.ts";
import type { RolloutPolicy, Step } from "../../src/domain/spec/rollout-policy.ts";
import type { TrafficSpec } from "../../src/domain/spec/traffic-spec.ts";
import type { UpkeepPolicy } from "../../src/domain/spec/upkeep-policy.ts";
import { anAsker, aRelease } from "../../src/domain/testing.ts";
import { isAnswer, isPolicyRefusal } from "./answers.ts";
import { Killed } from "./life.ts";
import { jobQualities, type Quality, type QualityMix } from "./nature.ts";
import type { Council } from "./policy/council.ts";
import { emergency } from "./policy/people.ts";
import type { PolicyRules } from "./policy/policy-rules.ts";
import type { Random } from "./random.ts";
import type { Verdict } from "./rules/verdict.ts";
import type { Request, Tally } from "./tally.ts";
import type { Trace } from "./trace.ts";
import type { World } from "./world.ts";

/** What an operator asks for, and how often. */
const wishes = {
  ...{ deploy: 12, rollback: 4, scale: 4, abort: 3, pause: 1, resume: 2, promote: 2 },
  remove: 0.6,
};

type Wish = keyof typeof wishes;

export interface OperatorParts {
  readonly random: Random;
  /** What the releases are like that are deployed. */
  readonly mix: QualityMix;
  readonly powers: World["powers"];
  /** Hears what becomes of deploys. */
  readonly council: Council;
  readonly rules: PolicyRules;
  readonly verdict: Verdict;
  readonly trace: Trace;
  readonly tally: Tally;
}

/** A person who asks for this and that at any time. */
export class Operator {
  readonly #random: Random;
  readonly #upkeep: Random;
  /** Few of all requests meet a rollback that runs: without it hardly one would be paused. */
  readonly #hesitation: Random;
  readonly #emergencies: Random;
  readonly #mix: QualityMix;
  readonly #powers: World["powers"];
  readonly #council: Council;
  readonly #rules: PolicyRules;
  readonly #verdict: Verdict;
  readonly #trace: Trace;
  readonly #tally: Tally;
  readonly #drafts = new Map<ServiceKey, DeployRequest["draft"][]>();
  #versions = 0;

  constructor({ random, mix, powers, council, rules, verdict, trace, tally }: OperatorParts) {
    this.#random = random;
    this.#upkeep = random.fork("upkeep");
    this.#emergencies = random.fork("emergencies");
    this.#hesitation = random.fork("hesitation");
    this.#mix = mix;
    this.#powers = powers;
    this.#council = council;
    this.#rules = rules;
    this.#tally = tally;
    this.#verdict = verdict;
    this.#trace = trace;
  }

  /** A first deploy that works: what most runs begin with. */
  begin(controller: Controller, service: ServiceKey): void {
    const answer = this.#deploy(controller, this.#request(service, "good"));
    this.#ask("deploy", service, () => undefined, answer);
  }

  /** Asks for something, and does not wait for it. `rollout`: the one that is running, if any. */
  act(controller: Controller, service: ServiceKey, rollout: () => Rollout | undefined): void {
    const running = rollout();
    const wish = this.#random.weighted(wishes);
    const what = running?.kind === "rollback" && this.#hesitation.chance(0.1) ? "pause" : wish;
    this.#ask(what, service, rollout, this.#do(what, controller, service));
  }

  /** Decides on a rollout that waits for a person. */
  decide(controller: Controller, service: ServiceKey, paused: () => Rollout | undefined): void {
    const what = this.#random.pick<Wish>(["abort", "promote", "resume", "abort"]);
    this.#ask(what, service, paused, this.#do(what, controller, service));
  }

  #do(what: Wish, controller: Controller, service: ServiceKey): Promise<unknown> {
    const random = this.#random;
    switch (what) {
      case "rollback": {
        const named = random.chance(0.3) ? random.int(1, Math.max(1, this.#versions)) : undefined;
        return controller.rollback({ service, release: named }, anAsker("eve@example.com"));
      }
      case "scale":
        return controller.scale({ service, count: this.#count() }, anAsker("ada@example.com"));
      case "abort":
        return controller.abort({ service }, anAsker("eve@example.com"));
      case "pause":
      case "resume":
      case "promote":
        return controller[what]({ service }, anAsker());
      case "remove":
        return controller.remove({ service }, anAsker("ada@example.com"));
      case "deploy":
        return this.#deploy(controller, this.#urgent(this.#request(service, random.weighted(this.#mix))));
    }
  }

  #deploy(controller: Controller, request: DeployRequest): Promise<Accepted> {
    const by = anAsker();
    const answer = controller.deploy(request, by);
    this.#council.follow(request, by, answer);
    return answer;
  }

  #ask(what: Wish, service: ServiceKey, rollout: () => Rollout | undefined, answer: Promise<unknown>): void {
    const running = rollout();
    this.#trace.add(() => `operator: ${what} ${service}`);
    answer.then(
      (value) => {
        this.#trace.add(() => `operator: ${what} ${service} -> ${inShort(value)}`);
        for (const name of namesOf(what, running)) this.#tally.add(name);
        if (isForced(value)) this.#tally.add("deploy against policies");
      },
      (error: unknown) => this.#hear(what, error, rollout),
    );
  }

  #hear(what: Wish, error: unknown, rollout: () => Rollout | undefined): void {
    if (error instanceof Killed) return;
    const running = what === "abort" ? rollout() : undefined;
    if (running !== undefined) {
      this.#verdict.fail("abort-always-works", `rollout ${running.id} is ${running.phase}: ${error}`);
    }
    this.#trace.add(() => `operator: ${what} is refused: ${error instanceof Error ? error.message : error}`);
    if (what === "rollback" && isPolicyRefusal(error)) this.#rules.onRollbackRefused(error.message);
    const expected = isAnswer(error) || (what === "deploy" && isPolicyRefusal(error));
    if (!expected) this.#verdict.fail("every-request-has-an-answer", `${what}: ${stackOf(error)}`);
  }

  /** Some deploys have a reason, and some are to begin whatever policies say. */
  #urgent(request: DeployRequest): DeployRequest {
    if (this.#emergencies.chance(0.2)) return { ...request, breakGlass: true, reason: emergency };
    const reason = this.#council.reason();
    return reason === undefined ? request : { ...request, reason };
  }

  #request(service: ServiceKey, quality: Quality): DeployRequest {
    const random = this.#random;
    const again = random.chance(0.12) ? random.any(this.#drafts.get(service) ?? []) : undefined;
    const draft = again ?? this.#draft(service, quality);
    const supersede = random.chance(0.3);
    const policy = aRandomPolicy(random);
    const upkeep = aRandomUpkeep(this.#upkeep);
    const count = this.#count();
    const alone = policy.strategy === "recreate" && this.#powers.volumes;
    if (!alone) return { service, count, draft, policy, upkeep, supersede };
    return { service, count: Math.min(count, 1), draft: withData(draft), policy, upkeep, supersede };
  }

  #draft(service: ServiceKey, quality: Quality): DeployRequest["draft"] {
    const random = this.#random;
    const { image, version, shape, health, traffic } = aRelease(++this.#versions);
    const draft: DeployRequest["draft"] = {
      image,
      version,
      shape: { ...shape, env: { QUALITY: quality } },
      health: {
        ...health,
        intervalMs: random.pick([1_000, 2_000, 5_000]),
        ready: random.int(1, 3),
        unready: random.int(2, 4),
        deadlineMs: random.pick([20_000, 45_000, 90_000]),
      },
      traffic: traffic && this.#frontend(service, traffic),
      secrets: [],
      files: [],
      jobs: this.#powers.jobs ? someJobs(random.fork(`jobs ${this.#versions}`)) : [],
    };
    this.#drafts.set(service, [...(this.#drafts.get(service) ?? []), draft]);
    return draft;
  }

  /** Most services have a preview, on one of two ports. */
  #frontend(service: ServiceKey, traffic: TrafficSpec): TrafficSpec {
    const random = this.#random.fork(`frontend ${this.#versions}`);
    const frontend = { ...traffic, host: `${service}.example.com` };
    const first = 9_000 + 2 * service.charCodeAt(0);
    return this.#powers.previews && random.chance(0.7)
      ? { ...frontend, preview: first + random.int(0, 1) }
      : frontend;
  }

  #count(): number {
    return this.#random.pick([1, 1, 2, 2, 3, 3, 3, 4, 5, 0]);
  }
}

/** One server at a time may have its data. */
function withData(draft: DeployRequest["draft"]): DeployRequest["draft"] {
  const volumes = [{ name: "data", path: "/data", shared: false }];
  return { ...draft, shape: { ...draft.shape, volumes } };
}

function someJobs(random: Random): readonly JobSpec[] {
  if (random.chance(0.6)) return [];
  const job = (name: string, when: JobSpec["when"]): JobSpec => {
    const deadlineMs = random.pick([5_000, 20_000, 60_000]);
    return { name, when, command: [random.weighted(jobQualities)], deadlineMs };
  };
  return [
    ...(random.chance(0.8) ? [job("migrate", "before")] : []),
    ...(random.chance(0.3) ? [job("seed", "before")] : []),
    ...(random.chance(0.5) ? [job("smoke", "after")] : []),
  ];
}

function aRandomPolicy(random: Random): RolloutPolicy {
  const surge = random.int(0, 2);
  const strategy = random.weighted({ rolling: 6, "blue-green": 3, canary: 3, recreate: 1 });
  return {
    strategy,
    steps: strategy === "canary" ? someSteps(random) : [],
    promote: strategy === "blue-green" && random.chance(0.2) ? "manual" : "auto",
    surge,
    unavailable: random.int(surge === 0 ? 1 : 0, 2),
    bakeMs: random.pick([0, 2_000, 10_000]),
    drainMs: random.pick([0, 1_000, 5_000, 15_000]),
    keepWarmMs: random.pick([0, 0, 10_000, 60_000]),
    progressDeadlineMs: random.pick([20_000, 40_000, 90_000]),
    onFailure: random.chance(0.1) ? "stop" : "rollback",
  };
}

function aRandomUpkeep(random: Random): UpkeepPolicy {
  const response = random.weighted({ replace: 6, quarantine: 2, report: 1 });
  const maxConcurrent = random.pick([{ share: 0.1 }, { share: 0.5 }, { servers: 2 }]);
  const drift = { response, maxConcurrent, ignore: [] };
  return random.chance(0.3) ? { drift, maxAgeMs: random.int(5, 60) * 60_000 } : { drift };
}

function someSteps(random: Random): readonly Step[] {
  const analysis = { minRequests: 20, maxErrorRate: 0.05, maxLatencyRatio: 2, intervalMs: 2_000 };
  return random.pick([[0.2], [0.5], [0.1, 0.5]]).map((share) => ({
    share,
    holdMs: random.pick([0, 3_000, 15_000]),
    ...(random.chance(0.4) ? { analysis } : {}),
  }));
}

/** What was accepted, by the names of the tally; a deploy or a rollback may have been refused in favour of what ran. */
function namesOf(what: Wish, running: Rollout | undefined): readonly Request[] {
  if (what === "abort") {
    const ways = { forward: "on the way forward", back: "on the way back", paused: "while paused" } as const;
    const { phase, kind } = running ?? {};
    if (phase !== "forward" && phase !== "back" && phase !== "paused") return [];
    return [`abort ${ways[phase]}`, ...(kind === "rollback" ? (["abort of a rollback"] as const) : [])];
  }
  if (running === undefined || what === "resume" || what === "promote") return [what];
  if (what === "pause") return running.kind === "rollback" ? [what, "pause of a rollback"] : [what];
  return [what, what === "deploy" ? "deploy over a rollout" : `${what} during a rollout`];
}

function isForced(answer: unknown): boolean {
  return (answer as Accepted | undefined)?.admission?.breakGlass === true;
}

function inShort(value: unknown): string {
  return (JSON.stringify(value) ?? "done").slice(0, 120);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
