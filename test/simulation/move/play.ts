import { type TestTargets, testTargets } from "../../../src/controller/targets/testing.ts";
import type { DesiredService, RolloutPhase } from "../../../src/domain/rollout/rollout.ts";
import { anAsker } from "../../../src/domain/testing.ts";
import { KilnError } from "../../../src/lib/errors.ts";
import type { Store } from "../../../src/store/store.ts";
import { Killed } from "../life.ts";
import { Random } from "../random.ts";
import { Mortal } from "./mortal.ts";

const service = "shop";
const names = ["local", "north"] as const;
type Name = (typeof names)[number];

/** How long both targets may answer at the service's port: the hand-over, with the longest pause of a loop. */
const handOverMs = 90_000;
const settleLimitMs = 30 * 60_000;

export interface MovePlay {
  readonly seed: number;
  /** A bug: what the controller is told of the service, in place of what is desired. */
  readonly mutate?: (desired: DesiredService) => DesiredService;
}

/** A rule that did not hold, and how. */
export interface Breach {
  readonly rule: "no-request-is-lost" | "one-target-answers" | "comes-to-rest" | "nothing-is-left";
  readonly words: string;
}

export interface MoveResult {
  /** The first rule that did not hold. */
  readonly found: Breach | undefined;
  /** What became of each move, the last one first. */
  readonly moves: readonly RolloutPhase[];
}

/**
 * Plays one run of a service that moves between two targets, while calls fail, a target is down, controllers come and
 * go, and people change their minds. Everything in it follows from the seed.
 */
export async function playMove({ seed, mutate }: MovePlay): Promise<MoveResult> {
  await using t = await testTargets("north");
  await t.deployed(service, 1);
  const run = new Run(t, new Random(seed), mutate);
  const found = await run.play();
  const moves = t.store.rollouts(service).filter(({ kind }) => kind === "move");
  return { found, moves: moves.map(({ phase }) => phase) };
}

class Run {
  readonly #t: TestTargets;
  readonly #random: Random;
  readonly #mutate: MovePlay["mutate"];
  readonly #down = new Set<Name>();
  #controllers = 0;
  #mortal = new Mortal(0);
  /** Read past what the controller goes through. */
  #store: Store;
  #release = 1;
  #bothSinceMs: number | undefined;
  #found: Breach | undefined;

  constructor(t: TestTargets, random: Random, mutate: MovePlay["mutate"]) {
    this.#t = t;
    this.#random = random;
    this.#mutate = mutate;
    this.#store = t.store;
    t.seams = {
      clock: (clock) => this.#mortal.clock(clock),
      store: (store) => {
        this.#store = this.#spoiled(store);
        return this.#mortal.store(this.#store);
      },
      platform: (fleet) => this.#mortal.platform(fleet),
    };
  }

  /** Leaves a controller that runs. */
  async play(): Promise<Breach | undefined> {
    await this.#restart();
    const found = await this.#playToTheEnd();
    if (this.#mortal.life.isOver) await this.#restart();
    return found;
  }

  async #playToTheEnd(): Promise<Breach | undefined> {
    this.#ask("move");
    for (let i = this.#random.int(5, 15); i > 0 && this.#found === undefined; i--) {
      await this.#pass(this.#random.pick([0, 500, 3_000, 20_000, 60_000]));
      await this.#happen();
    }
    for (const name of names) this.#switch(name, "up");
    this.#mortal.life.spare();
    for (let ms = 0; ms < settleLimitMs && this.#found === undefined; ms += 5_000) {
      if (this.#isAtRest()) return this.#leftover();
      if (this.#desired?.rollout?.phase === "paused") this.#ask("abort");
      await this.#pass(5_000);
    }
    return (
      this.#found ?? { rule: "comes-to-rest", words: JSON.stringify(this.#desired?.move ?? "a rollout") }
    );
  }

  async #happen(): Promise<void> {
    const random = this.#random;
    const name = random.pick(names);
    const what = random.weighted({
      move: 3,
      promote: 4,
      abort: 2,
      deploy: 1,
      scale: 1,
      die: 2,
      down: 1,
      up: 2,
      fault: 3,
      restart: 1,
      kill: 3,
    });
    if (what === "down" || what === "up") this.#switch(name, what);
    else if (what === "fault") {
      const operation = random.pick(["create", "list", "apply", "observe", "destroy", "stop"]);
      this.#t.world(name).failNext(operation, random.int(1, 3), random.pick(["fail", "lose"]));
    } else if (what === "restart") await this.#restart();
    else if (what === "kill") this.#mortal.life.killAt(random.int(1, 30), false);
    else if (what === "die") {
      const { move } = this.#desired ?? {};
      if (move !== undefined) this.#switch(move.target === "local" ? "local" : "north", "down");
      this.#ask("giveUp");
    } else this.#ask(what);
  }

  /** Another controller: the present one ends as it is asked to, or has been killed. */
  async #restart(): Promise<void> {
    if (this.#mortal.life.isOver) this.#mortal.letGo();
    else {
      this.#mortal.life.spare();
      await this.#t.stop();
    }
    this.#mortal = new Mortal(++this.#controllers);
    await this.#t.start();
  }

  /** Nobody waits for it: it arrives amid whatever happens then. */
  #ask(what: "move" | "promote" | "abort" | "deploy" | "scale" | "giveUp"): void {
    if (this.#mortal.life.isOver) return;
    const { controller } = this.#t;
    const here = this.#desired?.target ?? "local";
    const other = here === "local" ? "north" : "local";
    const by = anAsker();
    const asked = {
      move: () => controller.move({ service, target: other }, by),
      promote: () => controller.promote({ service }, by),
      abort: () => controller.abort({ service }, by),
      deploy: () => this.#t.deploy(service, 10 + ++this.#release, { target: here, supersede: true }),
      giveUp: () => controller.giveUp({ service, target: other }, by),
      scale: () => controller.scale({ service, count: this.#random.int(1, 3) }, by),
    };
    asked[what]().catch((error: unknown) => {
      if (error instanceof Killed) return;
      if (!(error instanceof KilnError) || error.code === "internal")
        this.#found ??= { rule: "comes-to-rest", words: `${what}: ${error}` };
    });
  }

  #switch(name: Name, condition: "up" | "down"): void {
    this.#t.set(name, condition);
    if (condition === "down") this.#down.add(name);
    else this.#down.delete(name);
  }

  async #pass(ms: number): Promise<void> {
    await this.#t.clock.advance(ms, () => this.#check());
    if (this.#mortal.life.isOver && this.#random.chance(0.7)) await this.#restart();
  }

  #check(): void {
    const open = names.filter((name) => this.#answers(name));
    if (open.length === 0)
      this.#found ??= {
        rule: "no-request-is-lost",
        words: "no target has an open port with a running server",
      };
    const nowMs = this.#t.clock.elapsed();
    // Whoever moves back during the hand-over leaves both open until someone promotes.
    const isWaiting = this.#mortal.life.isOver || this.#desired?.rollout?.kind === "move";
    if (open.length < 2 || this.#down.size > 0 || isWaiting) this.#bothSinceMs = undefined;
    else this.#bothSinceMs ??= nowMs;
    if (nowMs - (this.#bothSinceMs ?? nowMs) > handOverMs)
      this.#found ??= { rule: "one-target-answers", words: `both have answered for over ${handOverMs} ms` };
  }

  /** Whether a request to the target's port gets an answer. */
  #answers(name: Name): boolean {
    const { routes, servers } = this.#t.world(name);
    const { frontends = [], upstreams = [] } = routes.get(service) ?? {};
    return (
      frontends.some(({ closed }) => !closed) &&
      upstreams.some(({ id, weight }) => weight > 0 && servers.get(id)?.record.state === "running")
    );
  }

  get #desired(): DesiredService | undefined {
    return this.#store.desired(service);
  }

  #isAtRest(): boolean {
    const { rollout, move, givenUp = [], warm = [] } = this.#desired ?? {};
    return rollout === undefined && move === undefined && givenUp.length === 0 && warm.length === 0;
  }

  /** What the end of a move, either way, has to have cleared. */
  #leftover(): Breach | undefined {
    const here = this.#desired?.target;
    const left = names.find((name) => name !== here) ?? "north";
    const { servers, routes } = this.#t.world(left);
    if (servers.size === 0 && !routes.has(service)) return undefined;
    return { rule: "nothing-is-left", words: `${left} has ${[...servers.keys()].join(", ") || "a route"}` };
  }

  /** With the bug in it. */
  #spoiled(store: Store): Store {
    const mutate = this.#mutate;
    if (mutate === undefined) return store;
    const desired = (name: string) => {
      const found = store.desired(name);
      return found && mutate(found);
    };
    return { ...store, desired, desiredAll: () => store.desiredAll().map(mutate) };
  }
}
