import { KilnError } from "../../../lib/errors.ts";
import type { Accepted, Client, DeployRequest } from "../../api.ts";
import type { Context, ExitCode, Outcome } from "../../context.ts";
import { buildProject } from "../../deploy/build-progress.ts";
import { type ChangeOptions, onRelease } from "../../deploy/change-options.ts";
import { checkedRelease, deployRequest } from "../../deploy/deploy-request.ts";
import { originOf } from "../../deploy/origin.ts";
import { formatBytes, formatDuration, plural } from "../../output/units.ts";
import { openProject, type ServiceOptions } from "../../project.ts";
import { finishRollout } from "../../rollout/finish.ts";
import { untilScaled } from "../../rollout/until-scaled.ts";

interface DeployOptions extends ServiceOptions, ChangeOptions {
  readonly wait: boolean;
  readonly supersede?: boolean;
}

/** Checks, build, release, rollout. 0 done, 4 rolled back, 1 failed without a way back. */
export async function run(context: Context, options: DeployOptions, service?: string): Outcome {
  const project = await openProject(context.cwd, options, service);
  const { supersede, expect } = options;
  const { release, servingCommit } = await checkedRelease(await context.connect(), project.spec, {
    command: "deploy",
    supersede,
    // A plan cannot be compared before its image is built.
    expect: typeof expect === "number" ? { serving: expect } : undefined,
  });
  const built = await buildProject(context, project, { updateLock: false });
  const { output } = context;
  const age = built.changed ? `built in ${formatDuration(built.ms)}` : "nothing to build";
  output.note(`Image ${project.spec.service}:${built.version}, ${formatBytes(built.bytes)}, ${age}.`);
  const beganAtMs = context.clock.now();
  const asked = deployRequest(project.spec, release, built);
  const origin = await originOf(project.folder, built.checkout, servingCommit, context.env);
  const request: DeployRequest = {
    ...asked,
    ...onRelease(options),
    ...origin,
    ...(supersede ? { supersede: true } : {}),
  };
  const { client, accepted } = await requestDeploy(context, request);
  for (const change of accepted.adopted ?? []) output.note(change);
  if (accepted.rollout !== undefined)
    return finishRollout(context, client, accepted.rollout, { wait: options.wait });
  return finishWithoutRollout(context, client, accepted, options.wait ? beganAtMs : undefined);
}

/**
 * A controller that ends in the middle is started again and asked again: a deploy that it has recorded already is
 * found, not made twice.
 */
async function requestDeploy(context: Context, request: DeployRequest, attempts = 3): Promise<Requested> {
  const client = await context.connect();
  try {
    return { client, accepted: await client.deploy(request) };
  } catch (error) {
    const gone = error instanceof KilnError && error.code === "controller_unreachable";
    if (!gone || attempts === 1) throw error;
    return requestDeploy(context, request, attempts - 1);
  }
}

interface Requested {
  readonly client: Client;
  readonly accepted: Accepted;
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
