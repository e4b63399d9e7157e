import { join } from "node:path";
import { type Controller, startController } from "../../src/controller/controller.ts";
import { fakeDriftSource } from "../../src/controller/drift/fake-drift-source.ts";
import type { Images } from "../../src/controller/images/images.ts";
import { noPlatforms } from "../../src/controller/testing.ts";
import type { ServiceKey } from "../../src/domain/ids.ts";
import type { Rollout } from "../../src/domain/rollout/rollout.ts";
import { localTarget } from "../../src/domain/target.ts";
import { KilnError } from "../../src/lib/errors.ts";
import { type Logger, silentLog } from "../../src/lib/log.ts";
import type { Clock } from "../../src/lib/time/clock.ts";
import type { Platform } from "../../src/platform/contract/platform.ts";
import { holdState } from "../../src/store/sqlite/lock.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { writeBlankDatabase } from "../../src/store/testing.ts";
import type { Delays } from "./delays.ts";
import type { Faults } from "./faults.ts";
import { Killed, Life } from "./life.ts";
import type { Mutation } from "./mutants/mutation.ts";
import type { Present } from "./policy/council.ts";
import type { Referee } from "./rules/referee.ts";
import { Scratch } from "./scratch.ts";
import { injected, type Seams, seamClock, seamPlatform, seamStore } from "./seams.ts";
import type { Tally } from "./tally.ts";
import type { Trace } from "./trace.ts";
import type { World } from "./world.ts";

export interface InstallationParts {
  readonly world: World;
  /** Real time. */
  readonly time: Clock;
  readonly faults: Faults;
  readonly delays: Delays;
  readonly trace: Trace;
  /** What the machine's clock shows. */
  readonly now: () => number;
  readonly tally: Tally;
  readonly mutation: Mutation;
}

/** How long a question about an image takes at most. */
const imageMs = 3_000;

/** A state folder on the simulated machine, and the controllers that come and go over it, one at a time. */
export class Installation implements Disposable {
  readonly #parts: InstallationParts;
  readonly #scratch = new Scratch();
  #life: Life | undefined;
  readonly #lives: Life[] = [];
  #store: Store | undefined;
  #platform: (Platform & AsyncDisposable) | undefined;
  #lock: Disposable | undefined;
  controller: Controller | undefined;
  /** What tells the present controller of drift. */
  drift = fakeDriftSource();
  /** What the controllers have done. */
  readonly done = { lives: 0, started: 0, complete: 0 };
  #goneMs = 0;
  /** By the present controller's clock. */
  #nowMs: () => number = () => 0;

  constructor(parts: InstallationParts) {
    this.#parts = parts;
    writeBlankDatabase(this.#database);
  }

  get life(): Life | undefined {
    return this.#life;
  }

  get #database(): string {
    return join(this.#scratch.folder, "kiln.db");
  }

  async start(): Promise<void> {
    const { world, time, faults, delays, trace, now, mutation } = this.#parts;
    const { referee } = world;
    this.#lock = await holdState(join(this.#scratch.folder, "lock"), { pid: process.pid });
    const life = new Life(++this.done.lives, (where) => this.#died(where));
    this.#lives.push(life);
    trace.add(() => `controller ${life.number} starts`);
    const fateOf: Seams["fateOf"] = (call) => faults.fateOf(call, time.now());
    const seams: Seams = { life, referee, time, fateOf };
    const clock = seamClock(now, seams);
    const log = listening(referee, life, trace);
    this.#nowMs = () => clock.now();
    const store = openStore(this.#database, { clock });
    store.subscribe(({ kind }) => {
      if (kind === "rollout.started") this.done.started++;
      if (kind === "rollout.completed") this.done.complete++;
    });
    this.#store = store;
    this.#life = life;
    this.#countAbsence(store, time.now() - this.#goneMs);
    referee.begin(life, store);
    this.#platform = world.connect({ life, time, fateOf, clock, log, mutation });
    const platform = seamPlatform(this.#platform, seams);
    this.drift = fakeDriftSource();
    const guarded = seamStore(store, seams);
    try {
      this.controller = startController({
        store: mutation.store?.(guarded, now) ?? guarded,
        targets: [
          {
            target: localTarget,
            platform: mutation.platform?.(platform) ?? platform,
            drift: this.drift,
          },
        ],
        platforms: noPlatforms,
        clock: mutation.clock?.(clock) ?? clock,
        log,
        images: imagesAfter(delays),
        self: { pid: process.pid, version: "0.0.0", home: this.#scratch.folder, installation: "here" },
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
    await this.#platform?.[Symbol.asyncDispose]();
    if (this.#life?.isOver === false) {
      this.#parts.world.referee.end();
      this.#life.kill("its end");
    }
  }

  /** What is in the database, read past all seams; the controller must be alive. */
  get store(): Store {
    if (this.#store === undefined) throw new Error("no controller has been started");
    return this.#store;
  }

  /** What people meet who ask for something; undefined while no controller runs. */
  get present(): Present | undefined {
    const { controller } = this;
    return controller === undefined ? undefined : { controller, store: this.store, nowMs: this.#nowMs };
  }

  /** The one that is running, as far as a controller is there to tell. */
  rolloutOf(service: ServiceKey): Rollout | undefined {
    return this.controller === undefined ? undefined : this.store.desired(service)?.rollout;
  }

  get platform(): Platform {
    if (this.#platform === undefined) throw new Error("no controller has been started");
    return this.#platform;
  }

  #countAbsence(store: Store, awayMs: number): void {
    if (this.done.lives === 1) return;
    for (const { rollout } of store.desiredAll()) {
      if (rollout === undefined || awayMs <= rollout.policy.progressDeadlineMs) continue;
      this.#parts.tally.add("the controller was away for longer than a deadline");
    }
  }

  #died(where: string): void {
    const { trace, world, time, tally } = this.#parts;
    trace.add(() => `controller ${this.#life?.number} is gone: ${where}`);
    if (where !== "its end") tally.add("the controller was killed");
    if (this.#life?.orphansGoOn) tally.add("calls of a killed controller went on");
    this.#goneMs = time.now();
    world.referee.end();
    this.controller = undefined;
    this.#store?.close();
    this.#lock?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#life?.kill("its end");
    this.#scratch[Symbol.dispose]();
  }
}

/** Every image is there; it may take a while to say so. */
function imagesAfter(delays: Delays): Images {
  const answer =
    <Value>(value: Value) =>
    async () => {
      await delays.pass(imageMs);
      return value;
    };
  return { has: answer(true), requireVersion: answer(undefined) };
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
    words.includes(injected) ||
    /was destroyed meanwhile|is ready any more: the traffic stays|^The quota is/.test(words)
  );
}
