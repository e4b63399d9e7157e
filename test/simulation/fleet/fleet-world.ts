import type { ServerId } from "../../../src/domain/ids.ts";
import type { Observation } from "../../../src/domain/observation.ts";
import { fakeHost } from "../../../src/platform/fake/fake-host.ts";
import { fakeProber } from "../../../src/platform/fake/fake-prober.ts";
import { fakeRouter } from "../../../src/platform/fake/fake-router.ts";
import { createFleet, type Fleet } from "../../../src/platform/fleet/fleet.ts";
import { parseServerId } from "../../../src/platform/fleet/server-id.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Random } from "../random.ts";
import type { Place } from "../rules/knowledge.ts";
import type { Connecting, World, WorldParts } from "../world.ts";
import { FleetReferee } from "./fleet-referee.ts";
import { type FleetSeams, seamHost, seamProber, seamRouter } from "./fleet-seams.ts";
import { Machine } from "./machine.ts";
import { restProblems } from "./rest.ts";

/** A machine with a host, a router and a fleet over both. */
export class FleetWorld implements World {
  readonly name = "fleet";
  readonly powers = { jobs: true, previews: true, volumes: true };
  readonly troubles = {
    ...{ exit: 5, error: 2, hang: 2, outage: 3, vanish: 1, router: 1, reboot: 0.5 },
    ...{ resized: 0, quota: 0, deaf: 0 },
  };
  readonly operations = [
    ...(["list", "observe", "apply", "create", "retire", "stop", "destroy", "open", "all"] as const),
  ] as const;
  readonly referee: FleetReferee;
  readonly #machine: Machine;
  readonly #parts: WorldParts;

  constructor(parts: WorldParts) {
    const { wall, time, random, services, trace } = parts;
    this.#parts = parts;
    this.#machine = new Machine(wall, time, random);
    this.referee = new FleetReferee(this.#machine, services, trace);
  }

  connect({ clock, log, mutation, ...rest }: Connecting): Fleet {
    const machine = this.#machine;
    const seams: FleetSeams = { ...rest, referee: this.referee };
    const host = seamHost(fakeHost(machine), seams);
    const router = seamRouter(fakeRouter(machine), seams);
    const prober = seamProber(fakeProber(machine), seams);
    return createFleet({
      host: mutation.host?.(host, machine) ?? host,
      router: mutation.router?.(router, machine) ?? router,
      prober: mutation.prober?.(prober) ?? prober,
      clock,
      log,
    });
  }

  running(): readonly ServerId[] {
    return this.#machine.running();
  }

  placeOf(server: ServerId): Place | undefined {
    return parseServerId(server);
  }

  strike(what: Parameters<World["strike"]>[0], victim: ServerId | undefined, random: Random): void {
    const { knowledge } = this.referee;
    if (what === "router") {
      this.#machine.routes.clear();
      knowledge.tamper(undefined);
    } else if (victim !== undefined) {
      if (what === "exit") this.#machine.exit(victim, random.pick([0, 1, 137]));
      else if (what === "error" || what === "hang") this.#machine.afflict(victim, what);
      else if (what === "vanish") {
        // Its address may go to another server at once.
        this.#machine.vanish(victim);
        knowledge.tamper(parseServerId(victim)?.service);
      }
    }
  }

  restartMachine(): void {
    this.#machine.restartMachine();
    this.referee.knowledge.tamper(undefined);
  }

  heal(): void {
    this.#machine.heal();
  }

  restProblems(store: Store, observation: Observation, nowMs: number): readonly string[] {
    return restProblems(store, observation, this.#machine, this.#parts.services, nowMs);
  }
}
