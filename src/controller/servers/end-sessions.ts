import { longestSessionMs } from "../../domain/drift/session.ts";
import { isAlive } from "../../lib/process/proc.ts";
import type { Store } from "../../store/store.ts";

/**
 * Ends the sessions whose process is gone, and those that have lasted too long: what became of them is not known, but
 * a session must not keep a server forever.
 */
export function endSessions(store: Store, nowMs: number): void {
  for (const { id, process, startedAtMs } of store.sessions()) {
    const reason = !isAlive(process)
      ? "was lost: its process is gone"
      : nowMs - startedAtMs >= longestSessionMs
        ? `was ended after ${longestSessionMs / 3_600_000} hours`
        : undefined;
    if (reason !== undefined) store.endSession(id, { exitCode: undefined, reason });
  }
}
