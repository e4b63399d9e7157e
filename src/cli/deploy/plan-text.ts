import type { ServiceKey } from "../../domain/ids.ts";
import type { Action } from "../../domain/rollout/actions.ts";
import { localTarget } from "../../domain/target.ts";
import type { ChangePlan, Client, PlanRequest } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import type { Style } from "../output/style.ts";
import { table } from "../output/text.ts";
import { plural } from "../output/units.ts";
import { admissionLines } from "./admission-text.ts";

/** Prints what the change would do now; nothing is done. */
export async function printPlan(
  context: Context,
  client: Client,
  service: ServiceKey,
  change: PlanRequest["change"],
): Outcome {
  const plan = await client.plan({ service, change });
  context.output.result(plan, planLines(plan, context.output.style));
  return 0;
}

/** Changes, actions with their reasons, downtime, the most servers at one time, and the plan's digest. */
export function planLines(plan: ChangePlan, style: Style): string[] {
  const { changes, actions, admission, data, digest } = plan;
  const admitted = admissionLines(admission, style);
  const heading = headingLines(plan, style);
  const steps = actions.flatMap(actionCells).map(([what, why], i) => [`${i + 1}.`, what, style.dim(why)]);
  if (steps.length === 0 && changes.length === 0)
    return [...heading, "Nothing would change.", `Digest: ${digest}`];
  return [
    ...heading,
    ...(changes.length === 0 ? [] : ["", "Changes", ...changes.map((change) => `  ${change}`)]),
    ...(steps.length === 0 ? [] : ["", "Actions", ...table([], steps).map((line) => `  ${line}`)]),
    ...(admitted.length === 0 ? [] : ["", "Policy", ...admitted.map((line) => `  ${line}`)]),
    ...(plan.byHand === undefined ? [] : ["", ...byHandLines(plan.byHand)]),
    ...(data.length === 0 ? [] : ["", "Data", ...data.map((words) => `  ${words}`)]),
    ...(plan.platform === undefined ? [] : ["", "Platform", ...plan.platform.map((words) => `  ${words}`)]),
    "",
    `Downtime: ${plan.downtime}`,
    serversLine(plan),
    `Digest: ${digest}`,
  ];
}

/** What is left to people, numbered. */
export function byHandLines(steps: readonly string[]): string[] {
  return ["By hand", ...steps.map((step, i) => `  ${i + 1}. ${step}`)];
}

function headingLines({ service, target, serving, rollout }: ChangePlan, style: Style): string[] {
  const where = target === localTarget.name ? "" : ` on ${target}`;
  const name = `${style.bold(service)}${where}`;
  const serves =
    serving === undefined
      ? `${name}: nothing serves yet.`
      : `${name}: release ${serving.number} (${serving.version}) serves.`;
  if (rollout === undefined) return [serves];
  const state =
    rollout.phase === "paused" ? "is paused" : rollout.phase === "back" ? "goes back" : "is running";
  return [serves, `Rollout ${rollout.id}, a ${rollout.kind} to release ${rollout.to}, ${state}.`];
}

/** Before a first release there are no servers that could become fewer. */
function serversLine({ serving, peakServers, fewestInTraffic, byHand }: ChangePlan): string {
  const most = `Servers: at most ${peakServers} at one time`;
  if (byHand !== undefined) return `${most} there; what serves now stays as it is.`;
  return serving === undefined ? `${most}.` : `${most}, never fewer than ${fewestInTraffic} with traffic.`;
}

/** What only records something is hidden, except the end or a pause of the rollout, and the end of the service. */
function actionCells(action: Action): [string, string][] {
  switch (action.kind) {
    case "resize":
      return [[`release ${action.release}: ${plural(action.size, "server")}`, action.reason]];
    case "route":
      return [[`traffic: ${sharesText(action.shares)}`, action.reason]];
    case "preview":
      return [
        [`preview: ${action.release === undefined ? "none" : `release ${action.release}`}`, action.reason],
      ];
    case "destroy":
      return [[`destroy ${action.server}`, action.reason]];
    case "quarantine":
    case "retire":
      return [[`${action.kind} ${action.server}`, action.reason]];
    case "run-job":
      return [[`job ${action.job}`, action.reason]];
    case "begin-run":
      return [[`run ${action.run}`, action.reason]];
    case "end-job":
      return [[`end ${action.job}`, action.reason]];
    case "forget-job":
      return [];
    case "analyse":
      return [["analysis", action.reason]];
    case "record":
      return recordCells(action.change, action.reason);
  }
}

function sharesText(shares: readonly { readonly release: number; readonly share: number }[]): string {
  if (shares.length === 0) return "none";
  return shares.map(({ release, share }) => `${Math.round(share * 100)} % to release ${release}`).join(", ");
}

function recordCells(
  change: Extract<Action, { readonly kind: "record" }>["change"],
  reason: string,
): [string, string][] {
  switch (change.kind) {
    case "end":
      return [[`end: ${change.phase}`, reason]];
    case "pause":
      return [["pause", reason]];
    case "gone":
      return [["end: removed", reason]];
    default:
      return [];
  }
}
