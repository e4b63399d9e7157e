import { rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { draftOf } from "../../domain/rollout/release.ts";
import type { Target, TargetName } from "../../domain/target.ts";
import { anAsker, aPolicy, aRelease } from "../../domain/testing.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import { silentLog } from "../../lib/log.ts";
import { memoryFolder } from "../../lib/testing.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import { steadyClock } from "../../lib/time/steady-clock.ts";
import type { Platform } from "../../platform/contract/platform.ts";
import type { Gap } from "../../platform/contract/readiness.ts";
import { fakePlatform } from "../../platform/fake/fake-platform.ts";
import { FakeWorld } from "../../platform/fake/world.ts";
import type { Fleet } from "../../platform/fleet/fleet.ts";
import { openTarget, requireValid } from "../../platform/open-target.ts";
import type { PlatformKind, Surroundings } from "../../platform/registry.ts";
import { unopenedPlatform } from "../../platform/unopened.ts";
import { openStore, type Store } from "../../store/store.ts";
import { type Controller, startController } from "../controller.ts";
import type { DeployRequest, ServiceStatus } from "../operations.ts";
import type { Platforms } from "./operations.ts";
import type { OpenTarget } from "./site.ts";

/** What becomes of a look at a target. */
type Condition = "up" | "down" | "hangs";

/** What stands between a controller and the rest of the world. */
export interface TestSeams {
  readonly clock: (clock: Clock) => Clock;
  readonly store: (store: Store) => Store;
  readonly platform: (platform: Fleet) => Platform;
}

/** A controller over several fake machines, which outlive it: one for each target. */
export class TestTargets implements AsyncDisposable {
  readonly clock = new FakeClock(1_000_000);
  readonly worlds = new Map<TargetName, FakeWorld>();
  readonly folder = memoryFolder("kiln-t-");
  readonly #conditions = new Map<TargetName, Condition>();
  readonly #gaps = new Map<TargetName, readonly Gap[]>();
  readonly #waiting = new Set<() => void>();
  readonly #apart = new Set<TargetName>();
  /** From the next start of a controller on. */
  seams: TestSeams = { clock: (clock) => clock, store: (store) => store, platform: (platform) => platform };
  store!: Store;
  controller!: Controller;

  async start(): Promise<void> {
    const clock = steadyClock(this.seams.clock(this.clock));
    this.store = this.seams.store(openStore(join(this.folder, "kiln.db"), { clock }));
    const kind: PlatformKind = {
      summary: "a machine in memory",
      options: z.strictObject({ colour: z.string().optional().describe("Any.") }),
      open: (_around, { name }) => {
        const { platform } = fakePlatform(clock, { world: this.world(name) });
        platform.probe = async () => {
          const gaps = this.#gaps.get(name) ?? [];
          return { usable: gaps.every(({ severity }) => severity !== "fatal"), gaps, facts: [] };
        };
        if (this.#apart.has(name)) Object.assign(platform, { ports: undefined });
        const observe = platform.observe.bind(platform);
        platform.observe = async (call) => {
          await this.#pass(name);
          return observe(call);
        };
        const { traffic } = platform;
        Object.assign(platform, {
          traffic: {
            read: async (...asked: Parameters<NonNullable<Platform["traffic"]>["read"]>) => {
              await this.#pass(name);
              return traffic?.read(...asked) ?? [];
            },
          },
        });
        return {
          platform: this.seams.platform(platform),
          probe: (call) => platform.probe(call),
          [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
        };
      },
    };
    const platforms = asPlatforms({ local: { ...kind, only: "local" }, fake: kind });
    this.controller = startController({
      store: this.store,
      targets: await Promise.all(this.store.targets().map(platforms.open)),
      platforms,
      clock,
      log: silentLog,
      images: { has: async () => true, requireVersion: async () => {} },
      self: { pid: 1, version: "0.0.0", home: this.folder, installation: "here" },
      onShutdown: () => {},
    });
  }

  async stop(): Promise<void> {
    await this.controller.close();
    this.store.close();
  }

  world(name: TargetName): FakeWorld {
    const world = this.worlds.get(name) ?? new FakeWorld(this.clock);
    this.worlds.set(name, world);
    return world;
  }

  /** From now on. Looks that hang end when the target is something else. */
  set(name: TargetName, condition: Condition): void {
    this.#conditions.set(name, condition);
    for (const wake of [...this.#waiting]) wake();
  }

  /** Its ways in are on another machine: from the next start of the controller on, or when it is added. */
  hasOwnPorts(name: TargetName): void {
    this.#apart.add(name);
  }

  /** What its probe finds from now on. */
  lacks(name: TargetName, ...gaps: readonly Gap[]): void {
    this.#gaps.set(name, gaps);
  }

  async #pass(name: TargetName): Promise<void> {
    while (this.#conditions.get(name) === "hangs") {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
    if (this.#conditions.get(name) === "down") {
      throw new KilnError("target_unreachable", `${name} refuses the connection.`, { hint: "Switch it on." });
    }
  }

  add(target: TargetName, platform = "fake", options: Readonly<Record<string, string>> = {}): Promise<void> {
    return this.controller.addTarget({ target, platform, options }, anAsker());
  }

  deploy(service: string, number: number, overrides: Partial<DeployRequest> = {}) {
    const traffic = { mode: "http", listen: 8_000 + service.charCodeAt(0), host: undefined } as const;
    const request = {
      ...{ service, count: 2, draft: { ...draftOf(aRelease(number, { traffic })), files: [] } },
      policy: aPolicy({ bakeMs: 0, drainMs: 100, keepWarmMs: 0 }),
      ...overrides,
    };
    return this.controller.deploy(request, anAsker());
  }

  status(service: string): Promise<ServiceStatus> {
    return this.clock.settle(this.controller.status({ service }));
  }

  /** Lets time pass until no rollout of the service runs. */
  async settled(service: string): Promise<void> {
    await this.clock.until(() => this.store.desired(service)?.rollout === undefined, 30 * 60_000);
  }

  async deployed(service: string, number: number, overrides: Partial<DeployRequest> = {}): Promise<void> {
    await this.deploy(service, number, overrides);
    await this.settled(service);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.worlds.keys()) this.set(name, "up");
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}

export async function testTargets(...names: readonly TargetName[]): Promise<TestTargets> {
  const t = new TestTargets();
  await t.start();
  for (const name of names) await t.add(name);
  return t;
}

/** As the composition root has them. */
function asPlatforms(kinds: Readonly<Record<string, PlatformKind>>): Platforms {
  return {
    requireValid: (target) => requireValid(kinds, target),
    open: async (target) => openedOrNot(kinds, target),
  };
}

async function openedOrNot(
  kinds: Readonly<Record<string, PlatformKind>>,
  target: Target,
): Promise<OpenTarget> {
  try {
    const opened = await openTarget(kinds, {} as Surroundings, target);
    const platform: Platform = opened.platform;
    return { target, platform, close: async () => opened[Symbol.asyncDispose]() };
  } catch (error) {
    return { target, platform: unopenedPlatform(target, toKilnError(error)) };
  }
}
