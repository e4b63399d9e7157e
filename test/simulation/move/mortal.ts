import type { Clock } from "../../../src/lib/time/clock.ts";
import type { Platform } from "../../../src/platform/contract/platform.ts";
import type { Fleet } from "../../../src/platform/fleet/fleet.ts";
import type { Store } from "../../../src/store/store.ts";
import { Life } from "../life.ts";
import { changes } from "../seams.ts";

/** What one controller has of the world, until it is killed: at any of its calls to its store or its platforms, before or after their effect. */
export class Mortal {
  readonly life: Life;
  readonly #fleets: Fleet[] = [];
  #store: Store | undefined;

  constructor(number: number) {
    this.life = new Life(number, () => this.#leave());
  }

  clock(clock: Clock): Clock {
    const { life } = this;
    const sleep: Clock["sleep"] = async (ms, signal) => {
      try {
        await clock.sleep(ms, signal);
      } catch (error) {
        if (!life.isOver) throw error;
      }
      if (life.isOver) await life.never();
    };
    return { now: () => clock.now(), elapsed: () => clock.elapsed(), sleep };
  }

  store(store: Store): Store {
    this.#store = store;
    return this.#guarded(store);
  }

  platform(fleet: Fleet): Platform {
    this.#fleets.push(fleet);
    return this.#passing(fleet);
  }

  /** Lets go of the database, which the next controller opens. */
  letGo(): void {
    this.#store?.close();
  }

  /** A fleet is part of its controller: none goes on without it. */
  #leave(): void {
    for (const fleet of this.#fleets) void fleet[Symbol.asyncDispose]();
  }

  #guarded<T extends object>(part: T): T {
    const { life } = this;
    return new Proxy(part, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member === "object" && member !== null) return this.#guarded(member);
        if (typeof member !== "function") return member;
        return (...args: readonly unknown[]) => {
          life.assertAlive();
          const result: unknown = member.apply(target, args);
          if (changes.has(String(name)) && life.beat(`after ${String(name)}`)) life.assertAlive();
          return result;
        };
      },
    });
  }

  #passing<T extends object>(part: T): T {
    const { life } = this;
    return new Proxy(part, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member === "object" && member !== null) return this.#passing(member);
        if (typeof member !== "function") return member;
        return (...args: readonly unknown[]) => {
          if (life.isOver) return life.never();
          const result: unknown = member.apply(target, args);
          return result instanceof Promise ? this.#answered(result, String(name)) : result;
        };
      },
    });
  }

  async #answered(work: Promise<unknown>, name: string): Promise<unknown> {
    const { life } = this;
    try {
      if (life.beat(`during ${name}`)) work.catch(() => {});
      if (life.isOver) return life.never();
      const result = await work;
      return life.beat(`after ${name}`) ? life.never() : result;
    } catch (error) {
      if (life.isOver) return life.never();
      throw error;
    }
  }
}
