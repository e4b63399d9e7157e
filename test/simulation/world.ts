import type { ServerId, ServiceKey } from "../../src/domain/ids.ts";
import type { Observation } from "../../src/domain/observation.ts";
import type { Logger } from "../../src/lib/log.ts";
import type { Clock } from "../../src/lib/time/clock.ts";
import type { SteadyClock } from "../../src/lib/time/steady-clock.ts";
import type { Platform } from "../../src/platform/contract/platform.ts";
import type { Store } from "../../src/store/store.ts";
import type { Mutation } from "./mutants/mutation.ts";
import type { Random } from "./random.ts";
import type { Place } from "./rules/knowledge.ts";
import type { Referee } from "./rules/referee.ts";
import type { Seams } from "./seams.ts";
import type { Trace } from "./trace.ts";

/** `fleet`: one machine, whose servers the product's own fleet looks after; `engine`: an engine with groups of its own. */
export const worldNames = ["fleet", "engine"] as const;
export type WorldName = (typeof worldNames)[number];

/** What may go wrong in the world outside, by itself or through other people. */
export type Trouble =
  | "exit"
  | "error"
  | "hang"
  | "outage"
  | "vanish"
  | "router"
  | "reboot"
  | "resized"
  | "quota"
  | "deaf";

export interface WorldParts {
  /** What the clock of the machine shows that the controller runs on. */
  readonly wall: Clock;
  /** Time as it really passes. */
  readonly time: Clock;
  readonly random: Random;
  readonly services: readonly ServiceKey[];
  readonly trace: Trace;
}

/** What a new controller brings along when it comes to its platform. */
export interface Connecting extends Omit<Seams, "referee"> {
  readonly clock: SteadyClock;
  readonly log: Logger;
  readonly mutation: Mutation;
}

/** Where the controllers of one run have their servers. It outlives each of them. */
export interface World {
  readonly name: WorldName;
  readonly referee: Referee;
  /** What nobody asks for where the platform does not have it. */
  readonly powers: { readonly jobs: boolean; readonly previews: boolean; readonly volumes: boolean };
  /** How often what goes wrong; 0: never. */
  readonly troubles: Readonly<Record<Trouble, number>>;
  /** Calls that an outage may concern; `all` of them is one. */
  readonly operations: readonly [string, ...string[]];
  connect(parts: Connecting): Platform & AsyncDisposable;
  running(): readonly ServerId[];
  placeOf(server: ServerId): Place | undefined;
  /** `victim`: a running server, if there is one. */
  strike(what: Exclude<Trouble, "outage" | "reboot">, victim: ServerId | undefined, random: Random): void;
  /** The machine that the controller runs on has restarted. */
  restartMachine(): void;
  /** From now on nothing goes wrong that a release is not to blame for. */
  heal(): void;
  /** What is not yet as it is to be for good; empty when all has come to rest. `nowMs`: what the clock shows. */
  restProblems(store: Store, observation: Observation, nowMs: number): readonly string[];
}
