import { spawn } from "node:child_process";
import { once } from "node:events";
import { cleanEnvironment } from "../../lib/process/environment.ts";
import type { Clock } from "../../lib/time/clock.ts";

/** How long after the event the source may take to report it, on a busy machine. */
const patienceMs = 2_000;

/** Does something harmless that must be seen, and says whether it was. */
export interface Canary {
  /** To be called with the number of every process that the source saw enter a namespace. */
  seen(pid: number): void;
  sings(signal: AbortSignal): Promise<boolean>;
}

/** A child enters the network namespace that it is in already. */
export function createCanary(clock: Clock): Canary {
  const recent = new Set<number>();
  let arrived = Promise.withResolvers<void>();

  async function isSeen(pid: number, signal: AbortSignal): Promise<boolean> {
    const end = clock.elapsed() + patienceMs;
    while (!recent.has(pid) && clock.elapsed() < end && !signal.aborted) {
      const timer = new AbortController();
      const either = AbortSignal.any([timer.signal, signal]);
      await Promise.race([arrived.promise, clock.sleep(end - clock.elapsed(), either).catch(() => {})]);
      timer.abort();
    }
    return recent.has(pid);
  }

  return {
    seen(pid) {
      recent.add(pid);
      arrived.resolve();
      arrived = Promise.withResolvers();
    },
    async sings(signal) {
      recent.clear();
      const child = spawn("nsenter", [`--net=/proc/${process.pid}/ns/net`, "true"], {
        env: cleanEnvironment,
        stdio: "ignore",
      });
      try {
        await once(child, "exit");
      } catch {
        return false; // there is no such program: nothing was proven
      }
      return child.pid !== undefined && (await isSeen(child.pid, signal));
    },
  };
}
