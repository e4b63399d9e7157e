import type { Random } from "./random.ts";
import type { Scene } from "./scene.ts";
import type { Trouble } from "./world.ts";

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

/** What nobody asks for: things that break, people who enter servers, clocks that are set. */
export class Misfortunes {
  readonly #scene: Scene;
  readonly #intruder: Random;
  readonly #clockmaker: Random;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#intruder = scene.random.fork("intruder");
    this.#clockmaker = scene.random.fork("clockmaker");
  }

  /** Now and then, next to whatever else happens. */
  befall(): void {
    if (this.#intruder.chance(0.15)) this.#intrude();
    if (this.#clockmaker.chance(0.1)) void this.#setClock();
  }

  /** Something goes wrong in the world outside. */
  async haunt(): Promise<void> {
    const { random, world, trace, tally, faults, time } = this.#scene;
    const victim = random.any(world.running());
    const what = random.weighted(world.troubles);
    trace.add(() => `world: ${what} ${victim ?? ""}`);
    if (victim !== undefined || !needsVictim(what)) tally.add(hauntings[what]);
    if (what === "outage") {
      const operation = random.pick(world.operations);
      faults.breakDown(operation, time.now() + random.int(500, 30_000));
    } else if (what === "reboot") await this.#reboot();
    else world.strike(what, victim, random);
    world.referee.step();
  }

  /** The clock may have been set while no controller ran. */
  async startAgain(): Promise<void> {
    const { random, tally, installation } = this.#scene;
    if (random.chance(0.15)) {
      const byMs = random.int(-60_000, 120_000);
      tally.add(byMs < 0 ? "the clock was set back" : "the clock was set forward");
      this.#scene.skew(byMs);
    }
    await installation.start();
  }

  /** All processes end with the machine, the controller's among them. */
  async #reboot(): Promise<void> {
    const { random, world, installation } = this.#scene;
    installation.powerOff();
    world.restartMachine();
    await this.#scene.pass(random.int(1, 30_000));
    if (installation.life?.isOver) await this.startAgain();
  }

  /** Somebody changes a running server, or all of them. */
  #intrude(): void {
    const { world, trace, time, installation } = this.#scene;
    const { controller, drift } = installation;
    const running = world.running();
    const victims = this.#intruder.chance(0.15)
      ? running
      : [this.#intruder.any(running)].filter((id) => id !== undefined);
    if (controller === undefined) return;
    for (const server of victims) {
      trace.add(() => `world: somebody enters ${server}`);
      const { service = "", release = 0 } = world.placeOf(server) ?? {};
      drift.find({
        ...{ server, service, release },
        ...{ kind: "process", subject: "pid 4711", detail: "process 4711 is not one of its own" },
        ...{ atMs: time.now(), who: undefined, seenBy: "trace" },
      });
      if (installation.life?.isOver !== false) return;
    }
    world.referee.step();
  }

  /** By a little, as a time server does it, or by days, as an operator, a suspended machine or a dead battery do. */
  async #setClock(): Promise<void> {
    const { time, tally, installation } = this.#scene;
    await time.sleep(this.#clockmaker.int(0, 5_000)); // amid whatever goes on then
    if (installation.controller === undefined) return;
    const most = this.#clockmaker.pick([5_000, 120_000, 3_600_000, 10 * 24 * 3_600_000]);
    const byMs = this.#clockmaker.int(1_000, most) * this.#clockmaker.pick([-1, 1]);
    const way = byMs < 0 ? "back" : "forward";
    tally.add(`the clock was set ${way} while a controller ran`);
    this.#scene.skew(byMs);
  }
}
