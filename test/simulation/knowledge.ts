import type { ServerId, ServiceKey } from "../../src/domain/ids.ts";
import type { DesiredService } from "../../src/domain/rollout.ts";
import { parseServerId } from "../../src/platform/fleet/server-id.ts";
import { HealthOracle } from "./health-oracle.ts";
import type { Machine } from "./machine.ts";

/** How long after a fault of router or host the product may need until it has caught up: its longest pause, and a look. */
const catchUpMs = 50_000;

/** All that the referee's rules look at: the world as it is, what is desired, what the present controller may know. */
export class Knowledge {
  readonly machine: Machine;
  readonly services: readonly ServiceKey[];
  readonly desired = new Map<ServiceKey, DesiredService>();
  /** Of the present controller's life. */
  oracle = new HealthOracle();
  /** When the present controller started; undefined while there is none. */
  upSinceMs: number | undefined;
  /** The last time that a call for all services (a listing, a look at the router) or for anything failed or was late. */
  disturbedMs = Number.NEGATIVE_INFINITY;
  /** The last time that the router was not as it had said to be. */
  readonly #tamperedMs = new Map<ServiceKey, number>();
  /** The last time that a server that had traffic, or could have it, was lost through no doing of the controller's. */
  readonly lossMs = new Map<ServiceKey, number>();

  constructor(machine: Machine, services: readonly ServiceKey[]) {
    this.machine = machine;
    this.services = services;
  }

  now(): number {
    return this.machine.time.now();
  }

  tamper(service: ServiceKey | undefined): void {
    for (const key of service === undefined ? this.services : [service]) {
      this.#tamperedMs.set(key, this.now());
    }
    this.disturbedMs = this.now();
  }

  /** A server is found to be broken: nobody can have known before. */
  lose(id: ServerId): void {
    const service = parseServerId(id)?.service;
    if (service !== undefined) this.lossMs.set(service, this.now());
  }

  isTampered(service: ServiceKey): boolean {
    return this.now() - (this.#tamperedMs.get(service) ?? Number.NEGATIVE_INFINITY) < catchUpMs;
  }

  /** True when for a while nothing has gone wrong between controller and world, so that all it does must be done. */
  isUndisturbed(forMs = 0): boolean {
    const since = Math.max(this.disturbedMs + catchUpMs, this.upSinceMs ?? Number.POSITIVE_INFINITY);
    return this.now() >= since + forMs;
  }

  /** Ready, by the rule of the spec, and its process runs. */
  isReady(id: ServerId): boolean {
    return this.oracle.isReady(id) && this.machine.isRunning(id);
  }

  readyTakers(service: ServiceKey): readonly ServerId[] {
    return this.machine
      .takers(service)
      .map((t) => t.id)
      .filter((id) => this.isReady(id));
  }

  /** All ready servers, or those of one release, with traffic or without. */
  readyOf(service: ServiceKey, release?: number): readonly ServerId[] {
    return [...this.machine.servers.keys()].filter((id) => {
      if (!this.isReady(id)) return false;
      const name = parseServerId(id);
      return name?.service === service && (release === undefined || name.release === release);
    });
  }

  /** True when requests have to be served: a release serves, and nobody asked for an end or for a gap. */
  mustServe(service: ServiceKey): boolean {
    return floorOf(this.desired.get(service)) > 0;
  }
}

/** The fewest ready servers with traffic that policy and count allow. */
export function floorOf(desired: DesiredService | undefined): number {
  if (desired === undefined || desired.removed || desired.serving === undefined) return 0;
  const { count, rollout } = desired;
  if (rollout === undefined) return count;
  const { strategy, unavailable } = rollout.policy;
  if (strategy === "recreate") return 0;
  return Math.max(Math.min(1, count), count - (strategy === "rolling" ? unavailable : 0));
}

/** The most servers that are wanted at one time: those of two releases while one takes over or the other is warm. */
export function ceilingOf(desired: DesiredService | undefined): number {
  if (desired === undefined) return 0;
  const { count, rollout, warm } = desired;
  if (rollout === undefined) return count * (1 + warm.length);
  const { strategy, surge, keepWarmMs } = rollout.policy;
  if (rollout.from === undefined || strategy === "recreate") return count;
  if (strategy !== "rolling" || keepWarmMs > 0 || rollout.phase !== "forward") return 2 * count;
  // After scaling in its middle, or with a large `unavailable`, the new ones come before the old ones may go.
  const raised = Math.ceil((rollout.steps[rollout.step]?.share ?? 1) * count - 1e-9);
  return Math.max(count + surge, raised + floorOf(desired));
}
