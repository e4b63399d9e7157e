import type { ServiceKey } from "../../src/domain/ids.ts";
import { Misfortunes } from "./misfortunes.ts";
import { Scene, type SimulationOptions, startMs } from "./scene.ts";
import { settle } from "./settle.ts";
import type { Counts } from "./tally.ts";
import type { WorldName } from "./world.ts";

/** How long a request is on its way at most. */
const requestMs = 2_000;

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

/** Plays one run: everything in it follows from the seed. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  using scene = new Scene(options);
  await new Run(scene).play();
  const { checks, found } = scene.world.referee.verdict;
  const { started, complete, lives } = scene.installation.done;
  const { counts: happened } = scene.tally;
  return {
    seed: options.seed,
    world: scene.world.name,
    found,
    trace: scene.trace.lines,
    outcome: {
      ...{ rollouts: started, complete, lives, checks, happened },
      simulatedMs: scene.time.now() - startMs,
    },
  };
}

class Run {
  readonly #scene: Scene;
  readonly #misfortunes: Misfortunes;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#misfortunes = new Misfortunes(scene);
  }

  async play(): Promise<void> {
    const { random, installation, world } = this.#scene;
    try {
      await installation.start();
      await this.#begin();
      const events = random.int(10, 45);
      for (let event = 0; event < events && this.#scene.isWell; event++) {
        await this.#scene.pass(this.#pause());
        await this.#happen();
        this.#misfortunes.befall();
      }
      if (this.#scene.isWell) await settle(this.#scene);
    } catch (error) {
      const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
      world.referee.verdict.fail("the-simulation-goes-on", words);
    }
  }

  async #begin(): Promise<void> {
    const { random, services, installation, operator } = this.#scene;
    for (const service of services) {
      const { controller } = installation;
      if (controller !== undefined) operator.begin(controller, service);
    }
    if (random.chance(0.8)) await this.#scene.pass(random.int(4_000, 20_000));
  }

  /** Often short, so that things meet; sometimes long enough for all of them to end. */
  #pause(): number {
    const { random } = this.#scene;
    const kind = random.weighted({ none: 1, short: 6, long: 3 });
    if (kind === "none") return 0;
    return kind === "short" ? random.int(1, 3_000) : random.int(3_000, 40_000);
  }

  async #happen(): Promise<void> {
    const { random, services, installation } = this.#scene;
    if (installation.controller === undefined) {
      if (random.chance(0.7)) await this.#misfortunes.startAgain();
      else await this.#misfortunes.haunt();
      return;
    }
    const what = random.weighted({ operator: 8, haunt: 5, kill: 2.5, stop: 0.5, rival: 0.2 });
    this.#scene.guardian.act(installation.controller);
    this.#scene.council.act();
    if (what === "operator") void this.#request(random.pick(services));
    else if (what === "haunt") await this.#misfortunes.haunt();
    else if (what === "kill") installation.life?.killAt(random.int(1, 25), random.chance(0.5));
    else if (what === "stop") await this.#stop();
    else await this.#rival();
  }

  /** It arrives amid whatever goes on then. */
  async #request(service: ServiceKey): Promise<void> {
    const { delays, installation, operator } = this.#scene;
    await delays.pass(requestMs);
    const { controller } = installation;
    if (controller !== undefined) operator.act(controller, service, () => installation.rolloutOf(service));
  }

  async #stop(): Promise<void> {
    const { tally, installation, world } = this.#scene;
    tally.add("the controller was stopped");
    let stopped = false;
    const stopping = installation.stop().then(() => {
      stopped = true;
    });
    const isStopping = () => !stopped && installation.life?.isOver === false;
    for (let i = 0; i < 200 && isStopping(); i++) await this.#scene.pass(100);
    if (isStopping()) {
      world.referee.verdict.fail("stops-when-asked", "the controller has not stopped within 20 s");
    }
    if (stopped) await stopping;
  }

  async #rival(): Promise<void> {
    const { tally, installation, world } = this.#scene;
    tally.add("a second controller came");
    const lets = await installation.letsAnotherIn();
    world.referee.verdict.expect(
      !lets,
      "one-controller",
      () => "a second controller was let in beside the first",
    );
  }
}
