import { takingTurns } from "../../lib/limiter.ts";
import type { RoutedService, Router } from "../../router/router.ts";
import type { Call } from "../contract/call.ts";
import type { Background } from "./background.ts";
import type { Host } from "./host.ts";
import type { Inventory } from "./inventory.ts";
import type { Memory } from "./memory.ts";
import type { Traffic } from "./traffic/traffic.ts";

export interface LooksOptions {
  readonly host: Host;
  readonly router: Router;
  readonly memory: Memory;
  readonly traffic: Traffic;
  readonly background: Background;
  readonly inventory: Inventory;
  /** The router has ended: what watches it starts it again. */
  readonly onRouterEnded: () => void;
}

const listTimeoutMs = 10_000;

/** Reads host and router, and takes in what differs from what is known. */
export class Looks implements Disposable {
  readonly #o: LooksOptions;
  readonly #once: () => Promise<void>;
  #adoption: Promise<void> | undefined;
  #hostWatch: Disposable | undefined;
  #routerWatch: Disposable | undefined;
  #doubtedMs = Number.NEGATIVE_INFINITY;

  constructor(options: LooksOptions) {
    this.#o = options;
    this.#once = takingTurns(async () => {
      await this.look(options.background.call(listTimeoutMs));
    });
  }

  /** What is there is known before anything is done about it: the first call reads what a former controller left. */
  adopted(): Promise<void> {
    this.#o.background.signal.throwIfAborted();
    this.#adoption ??= this.#adopt().catch((error: unknown) => {
      this.#adoption = undefined;
      throw error;
    });
    return this.#adoption;
  }

  async #adopt(): Promise<void> {
    const { host, router, background, onRouterEnded } = this.#o;
    this.#hostWatch ??= host.watch(() => this.#lookInBackground());
    this.#routerWatch ??= router.watch?.(onRouterEnded);
    await this.look(background.call(listTimeoutMs));
  }

  /** Resolves to what the router has. */
  async look(call: Call): Promise<readonly RoutedService[]> {
    const { host, router, memory, traffic, inventory } = this.#o;
    const version = memory.beginLook();
    try {
      const mark = traffic.quietMark();
      const [listed, routed] = await Promise.all([host.list(call), router.observe(call)]);
      inventory.learn(listed, routed, version);
      const quiet = mark !== undefined && mark === traffic.quietMark();
      traffic.learn(routed, quiet);
      return routed;
    } finally {
      memory.endLook(version);
    }
  }

  /** A process may have ended unseen: the host is asked, but not again within `pauseMs` for any server. */
  doubt(pauseMs: number): void {
    const nowMs = this.#o.background.clock.elapsed();
    if (nowMs - this.#doubtedMs < pauseMs) return;
    this.#doubtedMs = nowMs;
    this.#lookInBackground();
  }

  #lookInBackground(): void {
    void this.#o.background.run("Looking after ended servers", this.#once);
  }

  [Symbol.dispose](): void {
    this.#hostWatch?.[Symbol.dispose]();
    this.#routerWatch?.[Symbol.dispose]();
  }
}
