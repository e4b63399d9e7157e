import type { Accepted, Client } from "../api.ts";
import { buildProject } from "../build-progress.ts";
import type { Context, ExitCode, Outcome } from "../context.ts";
import { deployRequest, requireUsablePlatform } from "../deploy-request.ts";
import { formatBytes, formatDuration, plural } from "../output/units.ts";
import { whoAmI } from "../people.ts";
import { openProject, type ServiceOptions } from "../project.ts";
import { finishRollout } from "../rollout/finish.ts";
import { untilScaled } from "./scale.ts";

interface DeployOptions extends ServiceOptions {
  readonly detach?: boolean;
}

/** Build, release, rollout. 0 done, 4 rolled back, 1 failed without a way back. */
export async function run(context: Context, options: DeployOptions, service?: string): Outcome {
  const project = await openProject(context.cwd, options, service);
  const client = await context.connect();
  await requireUsablePlatform(client);
  const built = await buildProject(context, project, { updateLock: false });
  const { output } = context;
  const age = built.changed ? `built in ${formatDuration(built.ms)}` : "nothing to build";
  output.note(`Image ${project.spec.service}:${built.version}, ${formatBytes(built.bytes)}, ${age}.`);
  const beganAtMs = context.clock.now();
  const accepted = await client.deploy(deployRequest(project.spec, built, whoAmI(context.env)));
  if (accepted.rollout !== undefined)
    return finishRollout(context, client, accepted.rollout, !options.detach);
  return finishWithoutRollout(context, client, accepted, options.detach ? undefined : beganAtMs);
}

/** The release serves already; at most the number of servers is another. */
async function finishWithoutRollout(
  context: Context,
  client: Client,
  accepted: Accepted,
  waitSinceMs: number | undefined,
): Promise<ExitCode> {
  const { scaled, service, release } = accepted;
  if (scaled !== undefined && waitSinceMs !== undefined)
    await untilScaled(context, client, service, waitSinceMs);
  const said =
    scaled === undefined
      ? `Nothing to do: release ${release} of ${service} serves already.`
      : `Release ${release} of ${service} serves already; scaled from ${scaled.from} to ${plural(scaled.to, "server")}.`;
  context.output.result(accepted, [said]);
  return 0;
}
