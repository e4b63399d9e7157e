import type { Action } from "../../domain/actions.ts";
import type { PlanPreview } from "../api.ts";
import { buildProject } from "../build-progress.ts";
import type { Context, Outcome } from "../context.ts";
import { checkedRelease, deployRequest } from "../deploy-request.ts";
import type { Style } from "../output/style.ts";
import { table } from "../output/text.ts";
import { plural } from "../output/units.ts";
import { openProject, type ServiceOptions } from "../project.ts";

/** The digest is part of the plan, so this builds; without changes the cache answers. */
export async function run(context: Context, options: ServiceOptions, service?: string): Outcome {
  const project = await openProject(context.cwd, options, service);
  const client = await context.connect();
  // A running rollout blocks a deploy, but not a plan.
  const { release } = await checkedRelease(client, project.spec, { command: "plan", supersede: true });
  const built = await buildProject(context, project, { updateLock: false });
  const preview = await client.preview(deployRequest(project.spec, release, built));
  context.output.result(preview, planLines(preview, context.output.style));
  return 0;
}

/** What deploy would do: changes, actions with their reasons, downtime and the most servers at one time. */
export function planLines(preview: PlanPreview, style: Style): string[] {
  const { service, serving, changes, actions } = preview;
  const heading =
    serving === undefined
      ? `${style.bold(service)}: nothing serves yet; this would be the first release.`
      : `${style.bold(service)}: release ${serving.number} (${serving.version}) serves.`;
  const steps = actions.flatMap(actionCells).map(([what, why], i) => [`${i + 1}.`, what, style.dim(why)]);
  if (steps.length === 0 && changes.length === 0) return [heading, "Nothing would change."];
  return [
    heading,
    ...(changes.length === 0 ? [] : ["", "Changes", ...changes.map((change) => `  ${change}`)]),
    ...(steps.length === 0 ? [] : ["", "Actions", ...table([], steps).map((line) => `  ${line}`)]),
    "",
    `Downtime: ${preview.downtime}`,
    serversLine(preview),
  ];
}

/** Before a first release there are no servers that could become fewer. */
function serversLine({ serving, peakServers, fewestInTraffic }: PlanPreview): string {
  const most = `Servers: at most ${peakServers} at one time`;
  return serving === undefined ? `${most}.` : `${most}, never fewer than ${fewestInTraffic} with traffic.`;
}

/** Actions that only record something are hidden, except the end of the rollout. */
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
    case "end-job":
      return [[`end ${action.job}`, action.reason]];
    case "forget-job":
      return [];
    case "analyse":
      return [["analysis", action.reason]];
    case "record":
      return action.change.kind === "end" ? [[`end: ${action.change.phase}`, action.reason]] : [];
  }
}

function sharesText(shares: readonly { readonly release: number; readonly share: number }[]): string {
  if (shares.length === 0) return "none";
  return shares.map(({ release, share }) => `${Math.round(share * 100)} % to release ${release}`).join(", ");
}
