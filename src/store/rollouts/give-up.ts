import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { TargetName } from "../../domain/target.ts";
import { KilnError } from "../../lib/errors.ts";
import { endRun, selectRuns } from "../runs.ts";
import { deleteMove, insertGivenUp, selectGivenUp, selectMove } from "../services/moves.ts";
import { selectService, unknownService } from "../services/services.ts";
import { endTaint, selectOpenTaints } from "../taints.ts";
import { requireTarget } from "../targets.ts";
import type { Workbench } from "../workbench.ts";
import { selectRunningRollout } from "./rollouts.ts";
import { endSuperseded } from "./start.ts";

/**
 * Nothing waits any more for a target that the service has left; what may still run there goes when the target answers again. Repeating it is
 * fine. Throws `service_unknown`, `target_unknown`, `rollout_running`, `move_impossible`.
 */
export function giveUp(bench: Workbench, service: ServiceKey, name: TargetName, by: Asker): void {
  const { db, log } = bench;
  // Also one that is being removed, which waits for that target.
  if (selectService(db, service) === undefined) throw unknownService(service);
  const { name: target } = requireTarget(db, name);
  if (selectGivenUp(db, service).some((one) => one.target === target)) return;
  const move = selectMove(db, service);
  if (move?.target !== target) throw nothingLeft(service, target);
  const running = selectRunningRollout(db, service);
  if (running?.kind === "move") {
    if (running.phase !== "back") throw arriving(service, target);
    endSuperseded(bench, running, `ended by ${askerName(by)}, who gives up ${target}`, by);
  }
  const { release, shared } = move;
  deleteMove(db, service);
  insertGivenUp(db, service, { target, release, shared });
  log.append({
    service,
    kind: "service.given-up",
    message: `${askerName(by)} gives up what is left of ${service} on ${target}: release ${release} may still run there${why(by)}`,
    data: { target, release, ...askerData(by) },
  });
  endWhatRanThere(bench, service, target);
}

function endWhatRanThere(bench: Workbench, service: ServiceKey, target: TargetName): void {
  const { db, clock } = bench;
  const atMs = clock.now();
  const reason = `was given up with the target ${target}; its result is unknown`;
  for (const run of selectRuns(db, service)) {
    if (run.target !== target || run.end !== undefined) continue;
    const end = { outcome: "failed", atMs, exitCode: undefined, reason, logTail: [] } as const;
    endRun(bench, { kind: "run-ended", run: run.id, end, atMs }, `job ${run.job} ${reason}`);
  }
  for (const taint of selectOpenTaints(db, service))
    if (taint.target === target) endTaint(bench, taint.server);
}

function nothingLeft(service: ServiceKey, target: TargetName): KilnError {
  return new KilnError("move_impossible", `${service} has nothing on the target ${target} to give up.`, {
    hint: `\`kiln status ${service}\` shows where it is, and the target that it has left.`,
  });
}

function arriving(service: ServiceKey, target: TargetName): KilnError {
  return new KilnError("rollout_running", `${service} is being moved to ${target}.`, {
    hint: `\`kiln move ${service} --abort\` first, then repeat the command.`,
  });
}
