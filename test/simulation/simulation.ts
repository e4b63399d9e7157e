import type { Controller } from "../../src/controller/controller.ts";
import type { ServerId, ServiceKey } from "../../src/domain/ids.ts";
import { FakeClock } from "../../src/lib/fake-clock.ts";
import { parseServerId } from "../../src/platform/fleet/server-id.ts";
import { Faults } from "./faults.ts";
import { Installation, type Mutation } from "./installation.ts";
import { Machine } from "./machine.ts";
import { type QualityMix, qualities } from "./nature.ts";
import { Operator } from "./operator.ts";
import { Random } from "./random.ts";
import { Referee } from "./referee.ts";
import { isAtRest, restProblems } from "./rest.ts";
import { type Counts, Tally } from "./tally.ts";
import { Trace } from "./trace.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Whether to keep the trace; without it a run is faster. */
  readonly traced?: boolean;
  readonly mutation?: Mutation;
  /** What the releases are like, where that is not what they mostly are. */
  readonly qualities?: QualityMix;
}

export interface SimulationResult {
  readonly seed: number;
  /** The first invariant that did not hold. */
  readonly found: { readonly rule: string; readonly words: string } | undefined;
  readonly trace: readonly string[];
  readonly outcome: Outcome;
}

/** What a run has done. */
export interface Outcome {
  readonly rollouts: number;
  readonly complete: number;
  readonly lives: number;
  readonly checks: number;
  readonly simulatedMs: number;
  readonly happened: Counts;
}

/** What happens to the world outside, by the names of the tally. */
const hauntings = {
  exit: "a server's process ended",
  error: "a server answered errors",
  hang: "a server hung",
  vanish: "a server was removed by others",
  outage: "an operation failed for a while",
  router: "the router forgot its routes",
  reboot: "the machine restarted",
} as const;

function needsVictim(what: keyof typeof hauntings): boolean {
  return what === "exit" || what === "error" || what === "hang" || what === "vanish";
}

const startMs = 1_000_000_000_000;

/** Plays one run: everything in it follows from the seed. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  using run = new Run(options);
  return await run.play();
}

class Run implements Disposable {
  readonly #seed: number;
  readonly #random: Random;
  readonly #intruder: Random;
  readonly #clockmaker: Random;
  readonly #time = new FakeClock(startMs);
  readonly #trace: Trace;
  readonly #tally = new Tally();
  readonly #faults: Faults;
  readonly #machine: Machine;
  readonly #referee: Referee;
  readonly #operator: Operator;
  readonly #installation: Installation;
  readonly #services: readonly [ServiceKey, ...ServiceKey[]];
  /** What the machine's clock shows beyond real time. */
  #skewMs = 0;
  #events = 0;

  constructor({ seed, traced = false, mutation = {}, qualities: mix = qualities }: SimulationOptions) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#intruder = this.#random.fork("intruder");
    this.#clockmaker = this.#random.fork("clockmaker");
    this.#trace = new Trace(traced, () => this.#time.now());
    this.#faults = new Faults(this.#random.fork("faults"), this.#tally);
    const now = () => this.#time.now() + this.#skewMs;
    const wall = {
      now,
      elapsed: () => this.#time.now(),
      sleep: (ms: number, signal?: AbortSignal) => this.#time.sleep(ms, signal),
    };
    this.#machine = new Machine(wall, this.#time, this.#random.fork("machine"));
    this.#services = this.#random.chance(0.15) ? ["shop", "api.staging"] : ["shop"];
    this.#referee = new Referee(this.#machine, this.#services, this.#trace);
    this.#operator = new Operator({
      random: this.#random.fork("operator"),
      mix,
      verdict: this.#referee.verdict,
      trace: this.#trace,
      tally: this.#tally,
    });
    this.#installation = new Installation({
      machine: this.#machine,
      referee: this.#referee,
      faults: this.#faults,
      trace: this.#trace,
      now,
      tally: this.#tally,
      mutation,
    });
  }

  async play(): Promise<SimulationResult> {
    try {
      await this.#installation.start();
      await this.#begin();
      const events = this.#random.int(10, 45);
      while (this.#events++ < events && this.#isWell) {
        await this.#pass(this.#pause());
        await this.#happen();
        if (this.#intruder.chance(0.15)) this.#intrude();
        if (this.#clockmaker.chance(0.1)) void this.#setClock();
      }
      if (this.#isWell) await this.#settle();
    } catch (error) {
      const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#referee.verdict.fail("the-simulation-goes-on", words);
    }
    return this.#result();
  }

  get #isWell(): boolean {
    return this.#referee.verdict.found === undefined;
  }

  async #begin(): Promise<void> {
    for (const service of this.#services) {
      const { controller } = this.#installation;
      if (controller !== undefined) this.#operator.begin(controller, service);
    }
    if (this.#random.chance(0.8)) await this.#pass(this.#random.int(4_000, 20_000));
  }

  /** Often short, so that things meet; sometimes long enough for all of them to end. */
  #pause(): number {
    const kind = this.#random.weighted({ none: 1, short: 6, long: 3 });
    if (kind === "none") return 0;
    return kind === "short" ? this.#random.int(1, 3_000) : this.#random.int(3_000, 40_000);
  }

  async #pass(ms: number): Promise<void> {
    await this.#time.advance(ms, () => this.#referee.step());
  }

  async #happen(): Promise<void> {
    const { controller } = this.#installation;
    if (controller === undefined) {
      if (this.#random.chance(0.7)) await this.#startAgain();
      else await this.#haunt();
      return;
    }
    const what = this.#random.weighted({ operator: 8, haunt: 5, kill: 2.5, stop: 0.5, rival: 0.2 });
    if (what === "operator") this.#request(controller, this.#random.pick(this.#services));
    else if (what === "haunt") await this.#haunt();
    else if (what === "kill")
      this.#installation.life?.killAt(this.#random.int(1, 25), this.#random.chance(0.5));
    else if (what === "stop") await this.#stop();
    else await this.#rival();
  }

  #request(controller: Controller, service: ServiceKey): void {
    const running = this.#installation.store.desired(service)?.rollout;
    this.#operator.act(controller, service, running);
  }

  /** The clock may have been set while no controller ran. */
  async #startAgain(): Promise<void> {
    if (this.#random.chance(0.15)) {
      const byMs = this.#random.int(-60_000, 120_000);
      this.#tally.add(byMs < 0 ? "the clock was set back" : "the clock was set forward");
      this.#skew(byMs);
    }
    await this.#installation.start();
  }

  /** By a little, as a time server does it, or by days, as an operator, a suspended machine or a dead battery do. */
  async #setClock(): Promise<void> {
    await this.#time.sleep(this.#clockmaker.int(0, 5_000)); // amid whatever goes on then
    if (this.#installation.controller === undefined) return;
    const most = this.#clockmaker.pick([5_000, 120_000, 3_600_000, 10 * 24 * 3_600_000]);
    const byMs = this.#clockmaker.int(1_000, most) * this.#clockmaker.pick([-1, 1]);
    const way = byMs < 0 ? "back" : "forward";
    this.#tally.add(`the clock was set ${way} while a controller ran`);
    this.#skew(byMs);
  }

  #skew(byMs: number): void {
    this.#skewMs += byMs;
    this.#trace.add(() => `the clock shows ${this.#skewMs} ms more than real time`);
  }

  async #stop(): Promise<void> {
    this.#tally.add("the controller was stopped");
    let stopped = false;
    const stopping = this.#installation.stop().then(() => {
      stopped = true;
    });
    for (let i = 0; i < 200 && !stopped && this.#installation.life?.isOver === false; i++)
      await this.#pass(100);
    if (!stopped && this.#installation.life?.isOver === false) {
      this.#referee.verdict.fail("stops-when-asked", "the controller has not stopped within 20 s");
    }
    if (stopped) await stopping;
  }

  async #rival(): Promise<void> {
    this.#tally.add("a second controller came");
    const lets = await this.#installation.letsAnotherIn();
    this.#referee.verdict.expect(
      !lets,
      "one-controller",
      () => "a second controller was let in beside the first",
    );
  }

  /** Something goes wrong in the world outside. */
  async #haunt(): Promise<void> {
    const random = this.#random;
    const victim = random.any(this.#machine.running());
    const what = random.weighted({
      exit: 5,
      error: 2,
      hang: 2,
      outage: 3,
      vanish: 1,
      router: 1,
      reboot: 0.5,
    });
    this.#trace.add(() => `world: ${what} ${victim ?? ""}`);
    if (victim !== undefined || !needsVictim(what)) this.#tally.add(hauntings[what]);
    if (what === "outage") {
      const operation = random.pick([
        "list",
        "observe",
        "apply",
        "create",
        "retire",
        "stop",
        "destroy",
        "open",
        "all",
      ]);
      this.#faults.breakDown(operation, this.#time.now() + random.int(500, 30_000));
    } else if (what === "router") {
      this.#machine.routes.clear();
      this.#referee.knowledge.tamper(undefined);
    } else if (what === "reboot") await this.#reboot();
    else if (victim !== undefined) {
      if (what === "exit") this.#machine.exit(victim, random.pick([0, 1, 137]));
      else if (what === "vanish") this.#vanish(victim);
      else this.#machine.afflict(victim, what);
    }
    this.#referee.step();
  }

  /** Somebody changes a running server, or all of them. */
  #intrude(): void {
    const { controller, drift } = this.#installation;
    const running = this.#machine.running();
    const victims = this.#intruder.chance(0.15)
      ? running
      : [this.#intruder.any(running)].filter((id) => id !== undefined);
    if (controller === undefined) return;
    for (const server of victims) {
      this.#trace.add(() => `world: somebody enters ${server}`);
      const { service = "", release = 0 } = parseServerId(server) ?? {};
      drift.find({
        ...{ server, service, release },
        ...{ kind: "process", subject: "pid 4711", detail: "process 4711 is not one of its own" },
        ...{ atMs: this.#time.now(), culprit: undefined, seenBy: "trace" },
      });
      if (this.#installation.life?.isOver !== false) return;
    }
    this.#referee.step();
  }

  /** The host has forgotten it: its address may go to another server at once. */
  #vanish(victim: ServerId): void {
    this.#machine.vanish(victim);
    this.#referee.knowledge.tamper(parseServerId(victim)?.service);
  }

  /** All processes end with the machine, the controller's among them. */
  async #reboot(): Promise<void> {
    this.#installation.powerOff();
    this.#machine.restartMachine();
    this.#referee.knowledge.tamper(undefined);
    await this.#pass(this.#random.int(1, 30_000));
    if (this.#installation.life?.isOver) await this.#startAgain();
  }

  /** The faults stop, and time passes: all that was begun must come to its end. */
  async #settle(): Promise<void> {
    this.#trace.add(() => "the faults stop");
    this.#faults.stop();
    this.#machine.heal();
    this.#installation.life?.killAt(Number.POSITIVE_INFINITY, false);
    if (this.#installation.controller === undefined) await this.#installation.start();
    const limitMs = this.#time.now() + settleLimitMs;
    let rest: readonly string[] = ["it was never looked"];
    while (this.#isWell && rest.length > 0 && this.#time.now() < limitMs) {
      await this.#pass(5_000);
      this.#decide();
      if (!isAtRest(this.#installation.store)) continue;
      rest = await this.#problems();
    }
    if (!this.#isWell) return;
    this.#referee.verdict.expect(rest.length === 0, "comes-to-rest", () => rest.join("; "));
    const bad = this.#installation.store.log.check();
    this.#referee.verdict.expect(
      bad === undefined,
      "events-verify",
      () => `event ${bad?.sequence}: ${bad?.message}`,
    );
  }

  /** A rollout that waits for a person does not come to rest by itself. */
  #decide(): void {
    const { store, controller } = this.#installation;
    for (const { service, rollout } of store.desiredAll()) {
      if (rollout?.phase !== "paused" || controller === undefined) continue;
      this.#operator.decide(controller, service, rollout);
    }
  }

  async #problems(): Promise<readonly string[]> {
    const { store, platform } = this.#installation;
    const signal = new AbortController().signal;
    const looking = platform.observe({ signal, deadline: Number.POSITIVE_INFINITY });
    const observation = await this.#time.settle(looking);
    return restProblems(store, observation, this.#machine, this.#services, this.#time.now() + this.#skewMs);
  }

  #result(): SimulationResult {
    const { checks, found } = this.#referee.verdict;
    const { started, complete, lives } = this.#installation.done;
    return {
      seed: this.#seed,
      found,
      trace: this.#trace.lines,
      outcome: {
        rollouts: started,
        complete,
        lives,
        checks,
        simulatedMs: this.#time.now() - startMs,
        happened: this.#tally.counts,
      },
    };
  }

  [Symbol.dispose](): void {
    this.#installation[Symbol.dispose]();
    this.#time[Symbol.dispose]();
  }
}

/** Longer than the longest way back from anywhere: deadlines of every step, drains, back-offs, a warm group. */
const settleLimitMs = 30 * 60_000;
