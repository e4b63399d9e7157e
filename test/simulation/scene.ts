import type { ServiceKey } from "../../src/domain/ids.ts";
import { FakeClock } from "../../src/lib/time/fake-clock.ts";
import { Delays } from "./delays.ts";
import { EngineWorld } from "./engine/engine-world.ts";
import { Faults } from "./faults.ts";
import { FleetWorld } from "./fleet/fleet-world.ts";
import { Guardian } from "./guardian.ts";
import { Installation } from "./installation.ts";
import type { Mutation } from "./mutants/mutation.ts";
import { type QualityMix, qualities } from "./nature.ts";
import { Operator } from "./operator.ts";
import { Council } from "./policy/council.ts";
import type { Concern } from "./policy/written.ts";
import { Random } from "./random.ts";
import { Tally } from "./tally.ts";
import { Trace } from "./trace.ts";
import type { World, WorldName } from "./world.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** The world that it is played in, where that is not the seed's own. */
  readonly on?: WorldName | undefined;
  /** Whether to keep the trace; without it a run is faster. */
  readonly traced?: boolean;
  readonly mutation?: Mutation;
  /** What the releases are like, where that is not what they mostly are. */
  readonly qualities?: QualityMix;
  /** What policies are about. Absent: there are none. */
  readonly policies?: Concern | undefined;
}

export const startMs = 1_000_000_000_000;

/** All that one run is played with. */
export class Scene implements Disposable {
  readonly random: Random;
  /** Real time. */
  readonly time = new FakeClock(startMs);
  readonly trace: Trace;
  readonly tally = new Tally();
  readonly faults: Faults;
  readonly delays: Delays;
  readonly world: World;
  readonly operator: Operator;
  readonly guardian: Guardian;
  readonly council: Council;
  readonly installation: Installation;
  readonly services: readonly [ServiceKey, ...ServiceKey[]];
  /** What the machine's clock shows beyond real time. */
  #skewMs = 0;

  constructor({ seed, on = worldOf(seed), traced = false, mutation = {}, ...rest }: SimulationOptions) {
    const { time, tally } = this;
    const random = new Random(seed);
    this.random = random;
    const trace = new Trace(traced, () => time.now());
    this.trace = trace;
    this.faults = new Faults(random.fork("faults"), tally);
    this.delays = new Delays(random.fork("delays"), time);
    this.services = random.chance(0.15) ? ["shop", "api.staging"] : ["shop"];
    const now = () => this.now();
    const wall = {
      now,
      elapsed: () => time.now(),
      sleep: (ms: number, signal?: AbortSignal) => time.sleep(ms, signal),
    };
    const parts = { wall, time, services: this.services, trace, random: random.fork("machine") };
    this.world = on === "fleet" ? new FleetWorld(parts) : new EngineWorld(parts);
    const { world, faults, delays } = this;
    const { verdict, policies: rules } = world.referee;
    this.council = new Council({
      random: random.fork("council"),
      about: rest.policies,
      present: () => this.installation.present,
      time,
      ...{ rules, verdict, trace, tally },
    });
    const { council } = this;
    this.operator = new Operator({
      random: random.fork("operator"),
      mix: rest.qualities ?? qualities,
      powers: world.powers,
      ...{ council, rules, verdict, trace, tally },
    });
    const { services } = this;
    this.guardian = new Guardian({ random: random.fork("guardian"), services, verdict, trace, tally });
    this.installation = new Installation({ world, time, faults, delays, trace, now, tally, mutation });
    const beginning = council.beginning();
    if (beginning !== undefined) this.skew(beginning - startMs);
  }

  /** What the machine's clock shows. */
  now(): number {
    return this.time.now() + this.#skewMs;
  }

  /** Sets the machine's clock; no time passes. */
  skew(byMs: number): void {
    this.#skewMs += byMs;
    this.trace.add(() => `the clock shows ${this.#skewMs} ms more than real time`);
  }

  /** No rule has been broken so far. */
  get isWell(): boolean {
    return this.world.referee.verdict.found === undefined;
  }

  async pass(ms: number): Promise<void> {
    await this.time.advance(ms, () => this.world.referee.step());
  }

  [Symbol.dispose](): void {
    this.installation[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }
}

/** Every second seed is played on an engine with groups of its own, the others on a machine with a fleet. */
function worldOf(seed: number): WorldName {
  return seed % 2 === 0 ? "engine" : "fleet";
}
