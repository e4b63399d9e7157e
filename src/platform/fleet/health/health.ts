import type { HealthSpec } from "../../../domain/spec/server-shape.ts";

export interface ProbeResult {
  readonly ok: boolean;
  /** What happened, for people: `GET / answered 200`, `connection refused`. */
  readonly words: string;
  /** No process listens there. Absent: another fault, or none. */
  readonly refused?: boolean;
  /** Nothing answered, or something else did: the way to it may be broken. Absent: it was reached. */
  readonly unreached?: boolean;
}

/** What is known of a server's health. */
export interface Health {
  /** `overdue`: it had until its deadline to become ready (first or again), and did not. */
  readonly phase: "starting" | "ready" | "overdue";
  /** When this phase began; like all times here as `Clock.elapsed` counts. */
  readonly sinceMs: number;
  /** When its deadline begins to count: the end of its start period, or its first good answer if that comes earlier. */
  readonly countsFromMs: number;
  /** Passes in a row while starting, failures in a row while ready. */
  readonly streak: number;
  /** The newest probe results, oldest first. */
  readonly recent: readonly string[];
  /** When it stopped being ready, and the probe that decided it. Absent: it is ready, or never was. */
  readonly lost?: { readonly atMs: number; readonly words: string };
}

const recentResults = 5;

export function newHealth(phase: "starting" | "ready", nowMs: number, startPeriodMs = 0): Health {
  return { phase, sinceMs: nowMs, countsFromMs: nowMs + startPeriodMs, streak: 0, recent: [] };
}

/** The health after one more probe. Pure. */
export function judge(health: Health, result: ProbeResult, spec: HealthSpec, nowMs: number): Health {
  const recent = [...health.recent, result.words].slice(-recentResults);
  const counts = health.phase === "ready" ? !result.ok : result.ok;
  const streak = counts ? health.streak + 1 : 0;
  if (health.phase === "ready" && streak >= spec.unready) {
    return {
      phase: "starting",
      sinceMs: nowMs,
      countsFromMs: nowMs,
      streak: 0,
      recent,
      lost: { atMs: nowMs, words: result.words },
    };
  }
  if (health.phase === "starting" && streak >= spec.ready) {
    return { phase: "ready", sinceMs: nowMs, countsFromMs: nowMs, streak: 0, recent };
  }
  if (health.phase === "starting" && nowMs >= health.countsFromMs + spec.deadlineMs) {
    return { phase: "overdue", sinceMs: nowMs, countsFromMs: nowMs, streak: 0, recent };
  }
  const countsFromMs = result.ok ? Math.min(health.countsFromMs, nowMs) : health.countsFromMs;
  return { ...health, countsFromMs, streak, recent };
}

const shortestMs = 25;
const afterPassMs = 50;
/** Many checks on the same moments cost a third of the CPU time that they cost one by one. */
const beatMs = 250;
const timerErrorMs = 5;

/**
 * When the next probe starts, after one that started at `startedMs`. A ready server is probed at its interval (up to a
 * beat early, never late). One that starts is probed more often, so that little time is lost between its first good
 * answer and its first request.
 */
export function nextProbeMs(health: Health, spec: HealthSpec, startedMs: number): number {
  const dueMs = startedMs + spec.intervalMs;
  if (health.phase !== "starting") return spec.intervalMs < 4 * beatMs ? dueMs : onBeat(dueMs);
  const elapsedMs = startedMs - health.sinceMs;
  const eagerMs = health.streak > 0 ? afterPassMs : Math.max(shortestMs, elapsedMs / 5);
  return Math.min(dueMs, startedMs + Math.ceil(eagerMs), health.countsFromMs + spec.deadlineMs);
}

function onBeat(ms: number): number {
  return Math.floor((ms + timerErrorMs) / beatMs) * beatMs;
}
