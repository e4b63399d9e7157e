import type { Controller } from "../../src/controller/controller.ts";
import type { ServiceKey } from "../../src/domain/ids.ts";
import { FakeClock } from "../../src/lib/time/fake-clock.ts";
import type { Store } from "../../src/store/store.ts";
import { EngineWorld } from "./engine/engine-world.ts";
import { Faults } from "./faults.ts";
import { FleetWorld } from "./fleet/fleet-world.ts";
import { Installation } from "./installation.ts";
import type { Mutation } from "./mutation.ts";
import { type QualityMix, qualities } from "./nature.ts";
import { Operator } from "./operator.ts";
import { Random } from "./random.ts";
import type { Referee } from "./referee.ts";
import { type Counts, Tally } from "./tally.ts";
import { Trace } from "./trace.ts";
import type { Trouble, World, WorldName } from "./world.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** The world that it is played in, where that is not the seed's own. */
  readonly on?: WorldName | undefined;
  /** Whether to keep the trace; without it a run is faster. */
  readonly traced?: boolean;
  readonly mutation?: Mutation;
  /** What the releases are like, where that is not what they mostly are. */
  readonly qualities?: QualityMix;
}

export interface SimulationResult {
  readonly seed: number;
  readonly world: WorldName;
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
  resized: "a group was resized by others",
  quota: "the quota was used up",
  deaf: "the engine moved no traffic for a while",
} as const satisfies Record<Trouble, string>;

function needsVictim(what: Trouble): boolean {
  return what === "exit" || what === "error" || what === "hang" || what === "vanish";
}

const startMs = 1_000_000_000_000;

/** Every second seed is played on an engine with groups of its own, the others on a machine with a fleet. */
function worldOf(seed: number): WorldName {
  return seed % 2 === 0 ? "engine" : "fleet";
}

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
  readonly #world: World;
  readonly #referee: Referee;
  readonly #operator: Operator;
  readonly #installation: Installation;
  readonly #services: readonly [ServiceKey, ...ServiceKey[]];
  /** What the machine's clock shows beyond real time. */
  #skewMs = 0;
  #events = 0;

  constructor({ seed, on = worldOf(seed), traced = false, mutation = {}, ...rest }: SimulationOptions) {
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
    this.#services = this.#random.chance(0.15) ? ["shop", "api.staging"] : ["shop"];
    const parts = { wall, time: this.#time, services: this.#services, trace: this.#trace };
    const random = this.#random.fork("machine");
    this.#world =
      on === "fleet" ? new FleetWorld({ ...parts, random }) : new EngineWorld({ ...parts, random });
    this.#referee = this.#world.referee;
    this.#operator = new Operator({
      random: this.#random.fork("operator"),
      mix: rest.qualities ?? qualities,
      powers: this.#world.powers,
      verdict: this.#referee.verdict,
      trace: this.#trace,
      tally: this.#tally,
    });
    this.#installation = new Installation({
      world: this.#world,
      time: this.#time,
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
    const victim = random.any(this.#world.running());
    const what = random.weighted(this.#world.troubles);
    this.#trace.add(() => `world: ${what} ${victim ?? ""}`);
    if (victim !== undefined || !needsVictim(what)) this.#tally.add(hauntings[what]);
    if (what === "outage") {
      const operation = random.pick(this.#world.operations);
      this.#faults.breakDown(operation, this.#time.now() + random.int(500, 30_000));
    } else if (what === "reboot") await this.#reboot();
    else this.#world.strike(what, victim, random);
    this.#referee.step();
  }

  /** Somebody changes a running server, or all of them. */
  #intrude(): void {
    const { controller, drift } = this.#installation;
    const running = this.#world.running();
    const victims = this.#intruder.chance(0.15)
      ? running
      : [this.#intruder.any(running)].filter((id) => id !== undefined);
    if (controller === undefined) return;
    for (const server of victims) {
      this.#trace.add(() => `world: somebody enters ${server}`);
      const { service = "", release = 0 } = this.#world.placeOf(server) ?? {};
      drift.find({
        ...{ server, service, release },
        ...{ kind: "process", subject: "pid 4711", detail: "process 4711 is not one of its own" },
        ...{ atMs: this.#time.now(), who: undefined, seenBy: "trace" },
      });
      if (this.#installation.life?.isOver !== false) return;
    }
    this.#referee.step();
  }

  /** All processes end with the machine, the controller's among them. */
  async #reboot(): Promise<void> {
    this.#installation.powerOff();
    this.#world.restartMachine();
    await this.#pass(this.#random.int(1, 30_000));
    if (this.#installation.life?.isOver) await this.#startAgain();
  }

  /** The faults stop, and time passes: all that was begun must come to its end. */
  async #settle(): Promise<void> {
    this.#trace.add(() => "the faults stop");
    this.#faults.stop();
    this.#world.heal();
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
    return this.#world.restProblems(store, observation, this.#time.now() + this.#skewMs);
  }

  #result(): SimulationResult {
    const { checks, found } = this.#referee.verdict;
    const { started, complete, lives } = this.#installation.done;
    return {
      seed: this.#seed,
      world: this.#world.name,
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

/** Whether the store holds nothing that time alone will change. */
function isAtRest(store: Store): boolean {
  return store
    .desiredAll()
    .every(({ rollout, warm, removed }) => rollout === undefined && warm.length === 0 && !removed);
}
