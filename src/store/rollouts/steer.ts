import { type Asker, askerName } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { RolloutChange } from "../../domain/rollout/actions.ts";
import { changeRollout } from "../../domain/rollout/record.ts";
import type { Rollout } from "../../domain/rollout/rollout.ts";
import { KilnError } from "../../lib/errors.ts";
import { holdSource } from "../sources/hold.ts";
import type { Workbench } from "../workbench.ts";
import { rolloutData, selectRunningRollout, updateRollout } from "./rollouts.ts";

/** What people do to a running rollout. None of it judges the release: that is the planner's. */

/** Turns it back; one that is on its way back already is returned as it is. Throws `rollout_none`. */
export function abort(bench: Workbench, service: ServiceKey, by: Asker): Rollout {
  const running = requireRunning(bench, service);
  if (running.phase === "back") return running;
  // A move brings nothing from a repository.
  if (running.kind !== "move") holdSource(bench, service, by, "aborted a rollout");
  const change = { kind: "turn-back", rollout: running.id, atMs: bench.clock.now() } as const;
  return steer(bench, running, change, {
    kind: "rollout.turned-back",
    does: "turns back",
    did: `aborted it`,
    by,
  });
}

/** Stops it where it is; one that is paused already is returned as it is. Throws `rollout_none`. */
export function pause(bench: Workbench, service: ServiceKey, by: Asker): Rollout {
  const running = requireForward(bench, service);
  if (running.phase === "paused") return running;
  const change = { kind: "pause", rollout: running.id } as const;
  return steer(bench, running, change, {
    kind: "rollout.paused",
    does: "pauses",
    did: `paused it`,
    by,
  });
}

/** Continues a paused rollout; one that is not paused is returned as it is. Throws `rollout_none`. */
export function resume(bench: Workbench, service: ServiceKey, by: Asker): Rollout {
  const running = requireForward(bench, service);
  if (running.phase === "forward") return running;
  const change = { kind: "resume", rollout: running.id, atMs: bench.clock.now() } as const;
  return steer(bench, running, change, {
    kind: "rollout.resumed",
    does: "continues",
    did: `resumed it`,
    by,
  });
}

/** Skips the rest of the present step's hold. Throws `rollout_none`. */
export function promote(bench: Workbench, service: ServiceKey, by: Asker): Rollout {
  const running = requireForward(bench, service);
  const change = { kind: "promote", rollout: running.id, atMs: bench.clock.now() } as const;
  return steer(bench, running, change, {
    kind: "rollout.promoted",
    does: "continues",
    did: `promoted it`,
    by,
  });
}

interface Telling {
  readonly kind: string;
  readonly does: string;
  readonly did: string;
  readonly by: Asker;
}

function steer(
  { db, log }: Workbench,
  running: Rollout,
  change: RolloutChange,
  { kind, does, did, by }: Telling,
): Rollout {
  const reason = `${askerName(by)} ${did}${by.reason === undefined ? "" : `: ${by.reason}`}`;
  const after = changeRollout(running, change, reason);
  updateRollout(db, after);
  log.append({
    service: running.service,
    kind,
    message: `The ${running.kind} of ${running.service} to release ${running.to} ${does}: ${reason}.`,
    data: { ...rolloutData(after, reason), actor: by.actor },
  });
  return after;
}

function requireForward(bench: Workbench, service: ServiceKey): Rollout {
  const running = requireRunning(bench, service);
  if (running.phase !== "back") return running;
  throw new KilnError("rollout_none", `The rollout of ${service} is on its way back already.`, {
    hint: "`kiln rollout show -f` follows it to its end.",
  });
}

function requireRunning({ db }: Workbench, service: ServiceKey): Rollout {
  const running = selectRunningRollout(db, service);
  if (running !== undefined) return running;
  throw new KilnError("rollout_none", `No rollout of ${service} is running.`, {
    hint: "`kiln history` lists the ones that have ended.",
  });
}
