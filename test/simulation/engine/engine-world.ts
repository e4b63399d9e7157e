import { strict as assert } from "node:assert";
import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import type { Observation } from "../../../src/domain/observation.ts";
import type { Platform } from "../../../src/platform/contract/platform.ts";
import { WholeGroup } from "../../../src/platform/fake/whole-group.ts";
import type { Store } from "../../../src/store/store.ts";
import type { WorldCall } from "../faults.ts";
import type { Random } from "../random.ts";
import type { Place } from "../rules/knowledge.ts";
import { type Seams, through } from "../seams.ts";
import type { Connecting, World, WorldParts } from "../world.ts";
import { Engine } from "./engine.ts";
import { EngineReferee } from "./engine-referee.ts";
import { restProblems } from "./engine-rest.ts";

/** An engine with groups of its own, which the machine that the controller runs on knows nothing of. */
export class EngineWorld implements World {
  readonly name = "engine";
  readonly powers = { jobs: false, previews: false, volumes: false };
  readonly troubles = {
    ...{ exit: 5, error: 2, hang: 2, outage: 3, vanish: 1, router: 1, reboot: 0.5 },
    ...{ resized: 1, quota: 1, deaf: 1 },
  };
  readonly operations = ["observe", "resize", "route", "retire", "destroy", "all"] as const;
  readonly referee: EngineReferee;
  readonly #engine: Engine;
  readonly #parts: WorldParts;

  constructor(parts: WorldParts) {
    const { time, random, services, trace } = parts;
    this.#parts = parts;
    this.#engine = new Engine(time, random);
    this.referee = new EngineReferee(this.#engine, time, services, trace);
  }

  connect({ clock, ...rest }: Connecting): Platform & AsyncDisposable {
    const engine = new WholeGroup(this.#engine, clock);
    return this.#seam(engine, { ...rest, referee: this.referee });
  }

  running(): readonly ServerId[] {
    return [...this.#engine.servers.values()].filter((s) => s.process === "running").map(({ id }) => id);
  }

  placeOf(server: ServerId): Place | undefined {
    return this.referee.knowledge.placeOf(server);
  }

  strike(what: Parameters<World["strike"]>[0], victim: ServerId | undefined, random: Random): void {
    if (what === "router") this.#misroute(random);
    else if (what === "resized") this.#resize(random);
    else if (what === "quota") this.#useUp(random);
    else if (what === "deaf") {
      this.#engine.deafUntilMs = this.#parts.time.now() + random.int(5_000, 150_000);
    } else if (victim !== undefined) this.#hurt(what, victim, random);
  }

  /** The engine runs elsewhere. */
  restartMachine(): void {}

  heal(): void {
    this.#engine.heal();
  }

  restProblems(store: Store, observation: Observation, nowMs: number): readonly string[] {
    return restProblems(store, observation, this.#engine, this.#parts.services, nowMs);
  }

  #hurt(what: "exit" | "error" | "hang" | "vanish", victim: ServerId, random: Random): void {
    const server = this.#engine.servers.get(victim);
    assert(server !== undefined, "a victim runs");
    if (what === "exit") this.#engine.exit(victim, random.pick([0, 1, 137]));
    else if (what !== "vanish") this.#engine.afflict(victim, what);
    else {
      this.#changed(server.service);
      this.#engine.remove(server);
    }
  }

  /** Somebody gives all the traffic to one release, or to none. */
  #misroute(random: Random): void {
    const service = random.any(this.#parts.services) ?? "";
    const releases = [...this.#engine.groups.values()]
      .filter((group) => group.service === service)
      .map((group) => group.spec.release.number);
    const one = random.chance(0.5) ? random.any(releases) : undefined;
    this.#changed(service);
    void this.#engine.select(service, new Set(one === undefined ? [] : [one]));
  }

  /** Somebody else asks for another number of servers. */
  #resize(random: Random): void {
    const group = random.any([...this.#engine.groups.values()]);
    if (group === undefined) return;
    this.#changed(group.service);
    const room = this.#engine.quota === Number.POSITIVE_INFINITY ? 1 : 0;
    this.#engine.accept(group.spec, Math.min(random.int(0, 6), group.size + room));
  }

  #useUp(random: Random): void {
    const used = [...this.#engine.groups.values()].reduce((sum, { size }) => sum + size, 0);
    this.#engine.quota = used + random.int(0, 1);
    void this.#parts.time.sleep(random.int(5_000, 90_000)).then(() => {
      this.#engine.quota = Number.POSITIVE_INFINITY;
    });
  }

  #changed(service: ServiceKey): void {
    const { knowledge } = this.referee;
    knowledge.tamper(service);
    knowledge.lossMs.set(service, knowledge.now());
  }

  /** What stands between the controller and the engine. */
  #seam(engine: WholeGroup, seams: Seams): Platform & AsyncDisposable {
    const call = (operation: string, subject?: string): WorldCall => ({ part: "engine", operation, subject });
    const of = (id: ServerId) => this.placeOf(id)?.service;
    return {
      name: engine.name,
      split: engine.split,
      probe: () => engine.probe(),
      observe: (c) => through(seams, call("observe"), c.signal, () => engine.observe(c)),
      resize: (group, size, c) => {
        this.#engine.meet(group.release);
        const { service } = group.release;
        return through(seams, call("resize", service), c.signal, () => engine.resize(group, size, c));
      },
      route: (service, ...rest) => {
        const [, , { signal }] = rest;
        return through(seams, call("route", service), signal, () => engine.route(service, ...rest));
      },
      retire: (id, c) => through(seams, call("retire", of(id)), c.signal, () => engine.retire(id, c)),
      destroy: (id, c) => through(seams, call("destroy", of(id)), c.signal, () => engine.destroy(id, c)),
      watch: (changed) => engine.watch(changed),
      [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
    };
  }
}
