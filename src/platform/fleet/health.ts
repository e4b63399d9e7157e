import type { HealthSpec } from "../../domain/spec.ts";

export interface ProbeResult {
  readonly ok: boolean;
  /** What happened, for people: `GET / answered 200`, `connection refused`. */
  readonly words: string;
}

/** What is known of a server's health. */
export interface Health {
  /** `overdue`: it had until its deadline to become ready (first or again), and did not. */
  readonly phase: "starting" | "ready" | "overdue";
  /** When this phase began (Unix time in ms). */
  readonly sinceMs: number;
  /** Passes in a row while starting, failures in a row while ready. */
  readonly streak: number;
  /** The newest probe results, oldest first. */
  readonly recent: readonly string[];
}

const recentResults = 5;

export function newHealth(phase: "starting" | "ready", nowMs: number): Health {
  return { phase, sinceMs: nowMs, streak: 0, recent: [] };
}

/** The health after one more probe. Pure. */
export function judge(health: Health, result: ProbeResult, spec: HealthSpec, nowMs: number): Health {
  const recent = [...health.recent, result.words].slice(-recentResults);
  const counts = health.phase === "ready" ? !result.ok : result.ok;
  const streak = counts ? health.streak + 1 : 0;
  if (health.phase === "ready" && streak >= spec.unready) {
    return { phase: "starting", sinceMs: nowMs, streak: 0, recent };
  }
  if (health.phase === "starting" && streak >= spec.ready) {
    return { phase: "ready", sinceMs: nowMs, streak: 0, recent };
  }
  if (health.phase === "starting" && nowMs >= health.sinceMs + spec.deadlineMs) {
    return { phase: "overdue", sinceMs: nowMs, streak: 0, recent };
  }
  return { ...health, streak, recent };
}

const shortestMs = 25;
const afterPassMs = 50;

/**
 * From the start of one probe to the start of the next. A ready server is probed at its interval. One that starts is
 * probed more often, so that little time is lost between its first good answer and its first request.
 */
export function probeDelayMs(health: Health, spec: HealthSpec, nowMs: number): number {
  if (health.phase !== "starting") return spec.intervalMs;
  const elapsedMs = nowMs - health.sinceMs;
  const eagerMs = health.streak > 0 ? afterPassMs : Math.max(shortestMs, elapsedMs / 5);
  const untilDeadlineMs = Math.max(1, spec.deadlineMs - elapsedMs);
  return Math.ceil(Math.min(spec.intervalMs, eagerMs, untilDeadlineMs));
}
