import type { KilnEvent } from "../api.ts";
import type { Context } from "../context.ts";
import { plainText } from "../output/text.ts";
import { formatDuration } from "../output/units.ts";
import { liveLines, newTroubleLines, type RolloutLook, waitingLines } from "./view.ts";

/** Shows the progress of a rollout: redrawn lines on a terminal, plain lines elsewhere, nothing with `--json`. */
export interface Reporter {
  look(look: RolloutLook): void;
  event(event: KilnEvent): void;
  say(line: string): void;
  end(): void;
}

/** Between two updates only the elapsed time is redrawn, this often. */
const redrawMs = 100;

/** Events that other lines already show: ready servers, moved traffic, the summary, failures. */
const saidElsewhere: ReadonlySet<string> = new Set([
  "action.intended",
  "action.done",
  "action.failed",
  "rollout.progress",
  "rollout.step",
  "rollout.completed",
  "rollout.rolled-back",
  "rollout.failed",
]);

/** Times are counted from `sinceMs` (Unix time) on, and events shown from `fromMs` until the rollout's end. */
export function createReporter(context: Context, sinceMs: number, fromMs = sinceMs): Reporter {
  const { output, clock } = context;
  const area = output.live ? output.liveArea() : undefined;
  let latest: RolloutLook | undefined;
  let lastSequence = 0;
  const saidWaiting = new Map<string, number>();

  const redraw = () => {
    if (latest !== undefined) area?.show(liveLines(latest, clock.now(), output.noteStyle));
  };
  const timer = area === undefined ? undefined : setInterval(redraw, redrawMs);
  const say = (line: string, atMs = clock.now()) => {
    const stamped = `${output.noteStyle.dim(formatDuration(atMs - sinceMs).padStart(7))}  ${line}`;
    if (area === undefined) output.note(stamped);
    else area.print([stamped]);
  };

  return {
    look: (look) => {
      if (area === undefined) {
        const waiting = waitingLines(look, clock.now(), saidWaiting);
        for (const line of [...newTroubleLines(latest, look), ...waiting]) say(line);
      }
      latest = look;
      redraw();
    },
    event: (event) => {
      // Events after a shown one are shown too, even if the clock was set back in between.
      const isOld = lastSequence === 0 && event.atMs < fromMs;
      const untilMs = latest?.rollout.endedAtMs ?? Number.POSITIVE_INFINITY;
      if (isOld || event.atMs > untilMs || event.sequence <= lastSequence) return;
      lastSequence = event.sequence;
      if (!saidElsewhere.has(event.kind)) say(plainText(event.message), event.atMs);
    },
    say: (line) => say(line),
    end: () => {
      clearInterval(timer);
      area?.clear();
    },
  };
}
