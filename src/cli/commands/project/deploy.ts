import { KilnError } from "../../../lib/errors.ts";
import type { Accepted, Client } from "../../api.ts";
import type { Context, ExitCode, Outcome } from "../../context.ts";
import type { ChangeOptions } from "../../deploy/change-options.ts";
import { requireConfined } from "../../deploy/confined.ts";
import { checkedRelease } from "../../deploy/deploy-request.ts";
import { type ImageToDeploy, imageToDeploy, requestDeploy } from "../../deploy/steps.ts";
import { plural } from "../../output/units.ts";
import { isPlanPath } from "../../program/numbers.ts";
import { openProject, type Project, type ServiceOptions } from "../../project.ts";
import { finishRollout } from "../../rollout/finish.ts";
import { untilScaled } from "../../rollout/until-scaled.ts";

interface DeployOptions extends ServiceOptions, ChangeOptions {
  readonly wait: boolean;
  readonly supersede?: boolean;
  /** Begin against policies. */
  readonly breakGlass?: boolean;
  /** A version or digest in the image store. */
  readonly image?: string;
  /** Every service of a folder: its path, or true for the current one. */
  readonly all?: string | true;
}

/** Checks, build, release, rollout. 0 done, 4 rolled back, 1 failed without a way back. */
export async function run(context: Context, options: DeployOptions, given?: string): Outcome {
  if (options.all !== undefined) return runAll(context, options, options.all, given);
  if (given !== undefined && isPlanPath(given)) return runPlanned(context, options, given);
  const project = await openProject(context.cwd, options, given);
  return deploy(context, project, options, () => imageToDeploy(context, project, options.image));
}

/** Exactly what was planned: the file pins the image, and nothing is built. */
async function runPlanned(context: Context, options: DeployOptions, path: string): Outcome {
  const { env, image, expect } = options;
  const [said] = Object.entries({ "--env": env, "--image": image, "--expect": expect }).find(
    ([, value]) => value !== undefined,
  ) ?? [undefined];
  if (said !== undefined)
    throw new KilnError("usage", `${path} says what is deployed; it does not go with ${said}.`, {
      hint: "Leave out one of the two.",
    });
  const { asPlanned, openPlanned, plannedImage } = await import("../../deploy/planned.ts");
  const planned = await openPlanned(context, options, path);
  const { project, file } = planned;
  // A plan is made with a rollout that runs in view, and tells what becomes of it.
  const how = { ...options, expect: file.plan, supersede: true };
  return asPlanned(planned, () => deploy(context, project, how, () => plannedImage(context, planned)));
}

async function deploy(
  context: Context,
  project: Project,
  options: DeployOptions,
  imageOf: () => Promise<ImageToDeploy>,
): Outcome {
  await requireConfined(context, project);
  const { supersede, expect, reason, breakGlass } = options;
  const checked = await checkedRelease(await context.connect(), project, {
    supersede,
    begin: { reason, breakGlass },
    // A plan cannot be compared before its image is built.
    expect: typeof expect === "number" ? { serving: expect } : undefined,
  });
  const image = await imageOf();
  const beganAtMs = context.clock.now();
  const { client, accepted } = await requestDeploy(context, project, checked, image, options);
  if (accepted.rollout !== undefined)
    return finishRollout(context, client, accepted.rollout, { wait: options.wait });
  return finishWithoutRollout(context, client, accepted, options.wait ? beganAtMs : undefined);
}

async function runAll(
  context: Context,
  options: DeployOptions,
  folder: string | true,
  service: string | undefined,
): Outcome {
  const { expect, image, wait, file } = options;
  const other = { "a service": service, "--expect": expect, "--image": image, "--file": file };
  const [found] = Object.entries({ ...other, "--no-wait": wait ? undefined : true }).find(
    ([, value]) => value !== undefined,
  ) ?? [undefined];
  if (found !== undefined)
    throw new KilnError(
      "usage",
      `\`--all\` deploys every service of a folder; it does not go with ${found}.`,
      {
        hint: "Leave out one of the two.",
      },
    );
  const { deployAll } = await import("../../deploy/all/deploy-all.ts");
  return deployAll(context, options, folder);
}

/** The release already serves: at most the number of servers or the rollout policy differs. */
async function finishWithoutRollout(
  context: Context,
  client: Client,
  accepted: Accepted,
  waitSinceMs: number | undefined,
): Promise<ExitCode> {
  const { scaled, service, release, adopted = [] } = accepted;
  if (scaled !== undefined && waitSinceMs !== undefined)
    await untilScaled(context, client, service, waitSinceMs);
  const did = [
    ...(scaled === undefined ? [] : [`scaled from ${scaled.from} to ${plural(scaled.to, "server")}`]),
    ...(adopted.length === 0 ? [] : ["the changes need no new servers"]),
  ];
  const said =
    did.length === 0
      ? `Nothing to do: release ${release} of ${service} already serves.`
      : `Release ${release} of ${service} already serves; ${did.join("; ")}.`;
  context.output.result({ ...accepted, phase: "complete" }, [said]);
  return 0;
}
