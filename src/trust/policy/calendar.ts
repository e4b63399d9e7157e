import type { ServiceKey } from "../../domain/ids.ts";
import { refusing } from "../../domain/policy/admission.ts";
import { decideByTime, type Policies, rulesFor } from "./decide.ts";
import { changesWithin2Weeks } from "./wall-time.ts";

/** A time in which windows and freezes say the same all along. */
interface Stretch {
  readonly fromMs: number;
  readonly untilMs: number;
  /** What lets no rollout begin; empty: one may. */
  readonly shut: readonly Shutting[];
}

interface Shutting {
  readonly kind: "freeze" | "window";
  /** `policy.yaml:4`, `freeze 3`. */
  readonly place: string;
  readonly because: string;
}

const twoWeeksMs = 14 * 86_400_000;

/** What windows and freezes, as they are known now, say of the next two weeks. */
export function calendarOf(
  service: ServiceKey,
  policies: Pick<Policies, "file" | "freezes">,
  nowMs: number,
): readonly Stretch[] {
  const shutAt = (atMs: number): readonly Shutting[] =>
    refusing(decideByTime({ service, nowMs: atMs }, policies)).map(({ kind, place = "", because }) => ({
      ...{ kind: kind === "freeze" ? "freeze" : "window", place, because },
    }));
  const windows = rulesFor(policies.file, service).flatMap((rule) =>
    rule.kind === "allow" || rule.kind === "deny" ? [rule.window] : [],
  );
  const ends = policies.freezes.flatMap(({ untilMs }) => (untilMs === undefined ? [] : [untilMs]));
  const changes = changesWithin2Weeks(windows, ends, nowMs, (atMs) =>
    shutAt(atMs)
      .map(({ place }) => place)
      .join(),
  );
  return [nowMs, ...changes].map((fromMs, n) => ({
    fromMs,
    untilMs: changes[n] ?? nowMs + twoWeeksMs,
    shut: shutAt(fromMs),
  }));
}
