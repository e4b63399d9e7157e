import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Controller, startController } from "../../src/controller/controller.ts";
import { fakeDriftWatch } from "../../src/controller/fake-drift-watch.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { KilnError } from "../../src/lib/errors.ts";
import { type Logger, silentLog } from "../../src/lib/log.ts";
import type { SteadyClock } from "../../src/lib/steady-clock.ts";
import { fakeHost } from "../../src/platform/fake/fake-host.ts";
import { fakeProber } from "../../src/platform/fake/fake-prober.ts";
import { fakeRouter } from "../../src/platform/fake/fake-router.ts";
import { createFleet, type Fleet } from "../../src/platform/fleet/fleet.ts";
import type { Host } from "../../src/platform/fleet/host.ts";
import type { Prober } from "../../src/platform/fleet/prober.ts";
import type { Router } from "../../src/router/router.ts";
import { holdState } from "../../src/store/lock.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import type { Faults } from "./faults.ts";
import { Killed, Life } from "./life.ts";
import type { Machine } from "./machine.ts";
import type { Referee } from "./referee.ts";
import { Scratch } from "./scratch.ts";
import {
  injected,
  type Seams,
  seamClock,
  seamHost,
  seamPlatform,
  seamProber,
  seamRouter,
  seamStore,
} from "./seams.ts";
import type { Tally } from "./tally.ts";
import type { Trace } from "./trace.ts";

/** A deliberate bug, between the product and the simulated world: for tests of the simulation itself. */
export interface Mutation {
  readonly host?: (host: Host, machine: Machine) => Host;
  readonly router?: (router: Router, machine: Machine) => Router;
  readonly prober?: (prober: Prober) => Prober;
  readonly platform?: (platform: Fleet) => Fleet;
  readonly store?: (store: Store, now: () => number) => Store;
  /** The controller's clock; the fleet keeps a sound one. */
  readonly clock?: (clock: SteadyClock) => SteadyClock;
}

export interface InstallationParts {
  readonly machine: Machine;
  readonly referee: Referee;
  readonly faults: Faults;
  readonly trace: Trace;
  /** What the machine's clock shows. */
  readonly now: () => number;
  readonly tally: Tally;
  readonly mutation: Mutation;
}

let blank: Buffer | undefined;

/** An empty database of the present version: made once, written for each run. */
function blankDatabase(folder: string, clock: Clock): Buffer {
  if (blank !== undefined) return blank;
  const path = join(folder, "blank.db");
  openStore(path, { clock }).close();
  blank = readFileSync(path);
  return blank;
}

/** A state folder on the simulated machine, and the controllers that come and go over it, one at a time. */
export class Installation implements Disposable {
  readonly #parts: InstallationParts;
  readonly #scratch = new Scratch();
  #life: Life | undefined;
  readonly #lives: Life[] = [];
  #store: Store | undefined;
  #fleet: Fleet | undefined;
  #lock: Disposable | undefined;
  controller: Controller | undefined;
  /** What tells the present controller of drift. */
  drift = fakeDriftWatch();
  /** What the controllers have done. */
  readonly done = { lives: 0, started: 0, complete: 0 };
  #goneMs = 0;

  constructor(parts: InstallationParts) {
    this.#parts = parts;
    writeFileSync(this.#database, blankDatabase(this.#scratch.folder, parts.machine.clock));
  }

  get life(): Life | undefined {
    return this.#life;
  }

  get #database(): string {
    return join(this.#scratch.folder, "kiln.db");
  }

  async start(): Promise<void> {
    const { machine, referee, faults, trace, now, mutation } = this.#parts;
    this.#lock = await holdState(join(this.#scratch.folder, "lock"), { pid: process.pid });
    const life = new Life(++this.done.lives, (where) => this.#died(where));
    this.#lives.push(life);
    trace.add(() => `controller ${life.number} starts`);
    const { time } = machine;
    const fateOf: Seams["fateOf"] = (call) => faults.fateOf(call, time.now());
    const seams: Seams = { life, referee, time, fateOf };
    const clock = seamClock(now, seams);
    const log = listening(referee, life, trace);
    const store = openStore(this.#database, { clock });
    store.subscribe(({ kind }) => {
      if (kind === "rollout.started") this.done.started++;
      if (kind === "rollout.completed") this.done.complete++;
    });
    this.#store = store;
    this.#life = life;
    this.#countAbsence(store, time.now() - this.#goneMs);
    referee.begin(life, store);
    const host = seamHost(fakeHost(machine), seams);
    const router = seamRouter(fakeRouter(machine), seams);
    const prober = seamProber(fakeProber(machine), seams);
    const fleet = createFleet({
      host: mutation.host?.(host, machine) ?? host,
      router: mutation.router?.(router, machine) ?? router,
      prober: mutation.prober?.(prober) ?? prober,
      clock,
      log,
    });
    this.#fleet = fleet;
    const platform = seamPlatform(fleet, seams);
    this.drift = fakeDriftWatch();
    const guarded = seamStore(store, seams);
    try {
      this.controller = startController({
        store: mutation.store?.(guarded, now) ?? guarded,
        platform: mutation.platform?.(platform) ?? platform,
        clock: mutation.clock?.(clock) ?? clock,
        log,
        drift: this.drift,
        images: { has: async () => true, requireVersion: async () => {} },
        self: { pid: process.pid, version: "0.0.0", home: this.#scratch.folder },
        onShutdown: () => {},
      });
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }

  /** All processes end, also those that a dead controller left at work. */
  powerOff(): void {
    this.#life?.kill("the machine restarts");
    for (const life of this.#lives) life.cutOff();
  }

  /** Whether a second controller would get in beside the present one. */
  async letsAnotherIn(): Promise<boolean> {
    try {
      using _lock = await holdState(join(this.#scratch.folder, "lock"), { pid: process.pid + 1 });
      return true;
    } catch (error) {
      if (error instanceof KilnError && error.code === "state_held") return false;
      throw error;
    }
  }

  /** Ends the controller as SIGTERM does. */
  async stop(): Promise<void> {
    this.#parts.trace.add(() => `controller ${this.#life?.number} is asked to stop`);
    await this.controller?.close();
    await this.#fleet?.[Symbol.asyncDispose]();
    if (this.#life?.isOver === false) {
      this.#parts.referee.end();
      this.#life.kill("its end");
    }
  }

  /** What is in the database, read past all seams; the controller must be alive. */
  get store(): Store {
    if (this.#store === undefined) throw new Error("no controller has been started");
    return this.#store;
  }

  get platform(): Fleet {
    if (this.#fleet === undefined) throw new Error("no controller has been started");
    return this.#fleet;
  }

  #countAbsence(store: Store, awayMs: number): void {
    if (this.done.lives === 1) return;
    for (const { rollout } of store.desiredAll()) {
      if (rollout === undefined || awayMs <= rollout.policy.progressDeadlineMs) continue;
      this.#parts.tally.add("the controller was away for longer than a deadline");
    }
  }

  #died(where: string): void {
    const { trace, referee, tally, machine } = this.#parts;
    trace.add(() => `controller ${this.#life?.number} is gone: ${where}`);
    if (where !== "its end") tally.add("the controller was killed");
    if (this.#life?.orphansGoOn) tally.add("calls of a killed controller went on");
    this.#goneMs = machine.time.now();
    referee.end();
    this.controller = undefined;
    this.#store?.close();
    this.#lock?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#life?.kill("its end");
    this.#scratch[Symbol.dispose]();
  }
}

/** A log that takes every fault that nobody injected for a finding. */
function listening(referee: Referee, life: Life, trace: Trace): Logger {
  const hear = (level: string) => (fields: Record<string, unknown>, message: string) => {
    if (life.isOver) return;
    const words = faultWords(fields);
    trace.add(() => `  log ${level}: ${message} ${words ?? ""}`);
    if (words !== undefined && !isExpected(words))
      referee.verdict.fail("no-unexpected-fault", `${message}: ${words}`);
  };
  const log = Object.create(silentLog) as Logger;
  return Object.assign(log, { warn: hear("warn"), error: hear("error") });
}

function faultWords({ err, message }: Record<string, unknown>): string | undefined {
  if (err instanceof Error) return err.stack ?? err.message;
  return typeof message === "string" ? message : undefined;
}

function isExpected(words: string): boolean {
  return (
    words.includes(injected) || /was destroyed meanwhile|is ready any more: the traffic stays/.test(words)
  );
}
