import type { Action, Plan } from "../../rollout/actions.ts";
import { closeWhenGone, isGone, readyCount, resizeTo, routeTo } from "../service-view.ts";
import {
  act,
  carrying,
  deadlineMs,
  end,
  type Look,
  lowerOthersWhenSafe,
  neededOf,
  stopOthersFirst,
  withDeadline,
} from "./rollout-look.ts";

/** Back to the old release: its group whole again, then the traffic, then the end. */
export function planBack(look: Look): Plan {
  const { desired, rollout, view } = look;
  const why = rollout.reason ?? "it was turned back";
  if (rollout.from === undefined) return planBackToNothing(look, why);
  const from = rollout.from;
  const waiting = stopOthersFirst(look, from);
  if (waiting !== undefined) return withDeadline(look, waiting.stopping);
  const raise = resizeTo(desired, view, from, desired.count, `release ${from} takes over again: ${why}`);
  const ready = readyCount(view, from);
  const alone = carrying(look).every((release) => release === from);
  const enough = ready >= neededOf(rollout, desired.count) || (ready > 0 && alone);
  const actions = [...lowerOthersWhenSafe(look), ...trimNew(look), ...raise];
  if (!enough) {
    if (look.nowMs < deadlineMs(rollout)) return withDeadline(look, actions);
    const serving = readyCount(view, from) === 0 && readyCount(view, rollout.to) > 0 ? rollout.to : from;
    return act([
      ...actions,
      end(look, "failed", serving, [], `${why}; and release ${from} did not come back in time`),
    ]);
  }
  const route = routeTo(desired, view, [{ release: from, share: 1 }], why);
  if (route.length === 0) return act([...actions, end(look, "rolled-back", from, [], why)]);
  if (look.nowMs < deadlineMs(rollout)) return withDeadline(look, [...route, ...actions]);
  const serving = carrying(look).includes(from) || !carrying(look).includes(rollout.to) ? from : rollout.to;
  const late = `${why}; and the router did not give release ${from} the traffic in time`;
  return act([...actions, end(look, "failed", serving, [], late)]);
}

function stopNew({ desired, rollout, view }: Look, why: string): readonly Action[] {
  return resizeTo(desired, view, rollout.to, 0, why);
}

/** The new group does not grow any more; what a scale-down has made too many of it goes before the old ones come. */
function trimNew({ desired, rollout, view }: Look): readonly Action[] {
  const { count } = desired;
  const size = view.groups.get(rollout.to)?.size ?? 0;
  if (size <= count) return [];
  return resizeTo(desired, view, rollout.to, count, `${count} servers of release ${rollout.to} are enough`);
}

/** The first release of a service failed: nothing served before, so nothing serves now. */
function planBackToNothing(look: Look, why: string): Plan {
  const { desired, rollout, view } = look;
  const closing = rollout.kind === "move" ? routeTo(desired, view, [], why) : [];
  // Where it moves to, clients may come to the same port as where it is: it closes before its servers go.
  if (closing.length > 0) return act(closing);
  const gone = isGone(view, rollout.to);
  const phase = rollout.kind === "move" ? "rolled-back" : "failed";
  const ending = gone ? [end(look, phase, undefined, [], why)] : [];
  return act([...stopNew(look, why), ...closeWhenGone(desired, view, why), ...ending]);
}
