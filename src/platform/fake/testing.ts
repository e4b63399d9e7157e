import type { GroupObservation, ServerState } from "../../domain/observation.ts";
import type { Shares } from "../../domain/rollout/actions.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import type { Call } from "../contract/call.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { fakePlatform } from "./fake-platform.ts";
import type { FakeWorld } from "./world.ts";

/** A call without a deadline. */
export const call: Call = { signal: new AbortController().signal, deadline: Number.POSITIVE_INFINITY };

/** A release of the service `shop`; its servers need two passes and have a minute. */
export function release(number: number, overrides: Partial<Release> = {}): Release {
  return {
    service: "shop",
    number,
    createdAtMs: 0,
    createdBy: "ada@example.com",
    image: `sha256:${String(number).padStart(64, "0")}`,
    version: `1.${number}.0`,
    shape: { port: 8080, env: {}, memoryBytes: undefined, cpus: undefined, writable: [] },
    health: {
      check: { kind: "http", path: "/" },
      intervalMs: 1000,
      timeoutMs: 1000,
      ready: 2,
      unready: 3,
      deadlineMs: 60_000,
    },
    secrets: [],
    files: [],
    jobs: [],
    traffic: { mode: "http", listen: 8080, host: undefined },
    ...overrides,
  };
}

/** A fleet over a fake world, and the questions that its tests ask again and again. */
export class TestFleet implements AsyncDisposable {
  readonly clock = new FakeClock(1_000_000);
  readonly world: FakeWorld;
  platform: Fleet;

  constructor() {
    const { platform, world } = fakePlatform(this.clock);
    this.platform = platform;
    this.world = world;
  }

  /** A new controller takes over what is there. */
  async restart(): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.platform = fakePlatform(this.clock, { world: this.world }).platform;
  }

  resize(number: number, size: number, drainMs = 30_000): Promise<void> {
    return this.platform.resize({ release: release(number), drainMs }, size, call);
  }

  route(shares: Shares): Promise<void> {
    const releases = shares.map((s) => release(s.release));
    return this.platform.route("shop", shares, releases, call);
  }

  async group(number: number): Promise<GroupObservation | undefined> {
    const { groups } = await this.platform.observe(call);
    return groups.find((g) => g.release === number);
  }

  async ids(number: number, state: ServerState): Promise<readonly string[]> {
    const group = await this.group(number);
    return (group?.servers ?? []).filter((s) => s.state === state).map((s) => s.id);
  }

  async untilReady(number: number, count: number): Promise<void> {
    await this.clock.until(async () => (await this.ids(number, "ready")).length === count);
  }

  async untilGone(number: number): Promise<void> {
    await this.clock.until(async () => ((await this.group(number))?.servers.length ?? 0) === 0);
  }

  /** Raises a release and gives it all the traffic. */
  async serve(number: number, count: number): Promise<void> {
    await this.resize(number, count);
    await this.untilReady(number, count);
    await this.route([{ release: number, share: 1 }]);
  }

  weights(): Readonly<Record<string, number>> {
    const targets = this.world.routes.get("shop")?.upstreams ?? [];
    return Object.fromEntries(targets.map((t) => [t.id, t.weight]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clock.settle(Promise.resolve(this.platform[Symbol.asyncDispose]()));
  }
}
