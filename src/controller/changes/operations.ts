import type { Asker } from "../../domain/access/actor.ts";
import { askerOf } from "../asker.ts";
import type { Operations, PlanRequest } from "../operations.ts";
import { carryOut } from "./carry-out.ts";
import type { Change, ChangeParts } from "./change.ts";
import { requireBeginning } from "./checks.ts";
import { deploying } from "./deploy.ts";
import { requireExpected } from "./expected.ts";
import { givingUp } from "./give-up.ts";
import { moving } from "./move.ts";
import { planChange } from "./plan/plan.ts";
import { promoting } from "./promotion.ts";
import { rollingBack } from "./rollback.ts";
import { removing, scaling, steering } from "./steer.ts";

/** The operations that change a service, and those that tell beforehand what would come of it. */
export function createCommands(
  parts: ChangeParts,
): Pick<
  Operations,
  | "check"
  | "deploy"
  | "plan"
  | "rollback"
  | "move"
  | "giveUp"
  | "scale"
  | "remove"
  | "abort"
  | "pause"
  | "resume"
  | "promote"
  | "promotion"
> {
  const steer =
    (how: "abort" | "pause" | "promote" | "resume"): Operations["abort"] =>
    (asked, who) =>
      carryOut(parts, asked, () => steering(parts.store, how, asked.service, askerOf(asked, who)));
  return {
    check: async (request, who) => {
      requireExpected(parts.store, request);
      await requireBeginning(parts, request, who);
      return { commit: parts.store.servingCommit(request.service) };
    },
    plan: async (request, who) => planChange(parts, changeOf(parts, request, askerOf({}, who)), request),
    deploy: (asked, who) => carryOut(parts, asked, () => deploying(parts, asked, askerOf(asked, who))),
    promotion: (asked, who) => carryOut(parts, asked, () => promoting(parts, asked, askerOf(asked, who))),
    rollback: (asked, who) => carryOut(parts, asked, () => rollingBack(parts, asked, askerOf(asked, who))),
    move: (asked, who) => carryOut(parts, asked, () => moving(parts, asked, askerOf(asked, who))),
    giveUp: (asked, who) => carryOut(parts, asked, () => givingUp(parts, asked, askerOf(asked, who))),
    scale: (asked, who) =>
      carryOut(parts, asked, () => scaling(parts, asked.service, asked.count, askerOf(asked, who))),
    remove: (asked, who) => carryOut(parts, asked, () => removing(asked.service, askerOf(asked, who))),
    abort: steer("abort"),
    pause: steer("pause"),
    resume: steer("resume"),
    promote: steer("promote"),
  };
}

function changeOf(parts: ChangeParts, { service, change }: PlanRequest, by: Asker): Change<unknown> {
  switch (change.kind) {
    case "deploy":
      return deploying(parts, { service, ...change }, by);
    case "rollback":
      return rollingBack(parts, { service, ...change }, by);
    case "promotion":
      return promoting(parts, { service, ...change }, by);
    case "move":
      return moving(parts, { service, ...change }, by);
    case "give-up":
      return givingUp(parts, { service, ...change }, by);
    case "scale":
      return scaling(parts, service, change.count, by);
    case "remove":
      return removing(service, by);
    default:
      return steering(parts.store, change.kind, service, by);
  }
}
