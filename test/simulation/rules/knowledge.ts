import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import type { DesiredService } from "../../../src/domain/rollout/rollout.ts";
import type { Clock } from "../../../src/lib/time/clock.ts";

/** How long after a fault of the world the product may need until it has caught up: its longest pause, and a look. */
const catchUpMs = 50_000;

/** A group: whose servers they are. */
export interface Place {
  readonly service: ServiceKey;
  readonly release: number;
}

/** A server that is being made, or whose process runs. */
export interface Presence {
  readonly id: ServerId;
  readonly release: number;
}

/** All that the referee's rules look at: the world as it is, what is desired, what the present controller may know. */
export abstract class Knowledge {
  /** Real time. */
  readonly time: Clock;
  readonly services: readonly ServiceKey[];
  readonly desired = new Map<ServiceKey, DesiredService>();
  /** When the present controller started; undefined while there is none. */
  upSinceMs: number | undefined;
  /** The last time that a call for all services (a listing, a look at the router) or for anything failed or was late. */
  disturbedMs = Number.NEGATIVE_INFINITY;
  /** The last time that the traffic or the groups were not as it had been said. */
  readonly #tamperedMs = new Map<ServiceKey, number>();
  /** The last time that a server that had traffic, or could have it, was lost through no doing of the controller's. */
  readonly lossMs = new Map<ServiceKey, number>();

  constructor(time: Clock, services: readonly ServiceKey[]) {
    this.time = time;
    this.services = services;
  }

  /** Where a server is or was; undefined for what is none. */
  abstract placeOf(id: ServerId): Place | undefined;
  /** Ready by the rule of the spec, and its process runs. */
  abstract isReady(id: ServerId): boolean;
  /** Ready servers with traffic. */
  abstract readyTakers(service: ServiceKey): readonly ServerId[];
  /** All ready servers, or those of one release, with traffic or without. */
  abstract readyOf(service: ServiceKey, release?: number): readonly ServerId[];
  /** The servers that could write now, on their way out or not. */
  abstract present(service: ServiceKey): readonly Presence[];
  /** When a server last got traffic that had none, so that a look which began later shows it. */
  abstract inSinceMs(id: ServerId): number;

  now(): number {
    return this.time.now();
  }

  tamper(service: ServiceKey | undefined): void {
    for (const key of service === undefined ? this.services : [service]) {
      this.#tamperedMs.set(key, this.now());
    }
    this.disturbedMs = this.now();
  }

  /** A server is found to be broken: nobody can have known before. */
  lose(id: ServerId): void {
    const service = this.placeOf(id)?.service;
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

  /** True when requests have to be served: a release serves, and nobody asked for an end or for a gap. */
  mustServe(service: ServiceKey): boolean {
    return floorOf(this.desired.get(service)) > 0;
  }
}

/** Servers of its releases never run at the same time. */
export function isAlone(desired: DesiredService | undefined): boolean {
  return (
    desired?.rollout?.policy.strategy === "recreate" ||
    (desired?.rollout === undefined && desired?.alone === true)
  );
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
