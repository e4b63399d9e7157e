import type { BuildResult } from "../../../image/build.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Accepted, Client, DeployRequest } from "../../api.ts";
import type { Context, ExitCode, Outcome } from "../../context.ts";
import { buildProject } from "../../deploy/build-progress.ts";
import { type ChangeOptions, onRelease } from "../../deploy/change-options.ts";
import { checkedRelease, deployRequest } from "../../deploy/deploy-request.ts";
import { handOver } from "../../deploy/hand-over.ts";
import { originOf } from "../../deploy/origin.ts";
import { formatBytes, formatDuration, plural } from "../../output/units.ts";
import { openProject, type Project, type ServiceOptions } from "../../project.ts";
import { finishRollout } from "../../rollout/finish.ts";
import { untilScaled } from "../../rollout/until-scaled.ts";

interface DeployOptions extends ServiceOptions, ChangeOptions {
  readonly wait: boolean;
  readonly supersede?: boolean;
  /** A version or digest in the image store. */
  readonly image?: string;
}

/** Checks, build, release, rollout. 0 done, 4 rolled back, 1 failed without a way back. */
export async function run(context: Context, options: DeployOptions, service?: string): Outcome {
  const project = await openProject(context.cwd, options, service);
  const { supersede, expect } = options;
  const { release, servingCommit } = await checkedRelease(await context.connect(), project, {
    supersede,
    // A plan cannot be compared before its image is built.
    expect: typeof expect === "number" ? { serving: expect } : undefined,
  });
  const image = await imageToDeploy(context, project, options.image);
  await handOver(context, project.spec.service, image);
  context.output.note(
    `Image ${project.spec.service}:${image.version}, ${formatBytes(image.bytes)}, ${image.words}.`,
  );
  const beganAtMs = context.clock.now();
  const asked = deployRequest(project.spec, release, image);
  const origin = await originOf(project.folder, image.checkout, servingCommit, context.env);
  const request: DeployRequest = {
    ...asked,
    ...onRelease(options),
    ...origin,
    ...(supersede ? { supersede: true } : {}),
  };
  const { client, accepted } = await requestDeploy(context, request);
  for (const change of accepted.adopted ?? []) context.output.note(change);
  if (accepted.rollout !== undefined)
    return finishRollout(context, client, accepted.rollout, { wait: options.wait });
  return finishWithoutRollout(context, client, accepted, options.wait ? beganAtMs : undefined);
}

interface ImageToDeploy {
  readonly digest: string;
  readonly version: string;
  readonly bytes: number;
  /** What git says of the files that it was made from; undefined where that is not known. */
  readonly checkout: BuildResult["checkout"];
  readonly words: string;
}

/** The named image, or one built now. */
async function imageToDeploy(
  context: Context,
  project: Project,
  named: string | undefined,
): Promise<ImageToDeploy> {
  if (named !== undefined) {
    const { resolveImage } = await import("../../../image/store/images.ts");
    const stored = await resolveImage(context.state, project.spec.service, named);
    return { ...stored, checkout: undefined, words: "already built" };
  }
  const built = await buildProject(context, project, { updateLock: false });
  const words = built.changed ? `built in ${formatDuration(built.ms)}` : "nothing to build";
  return { ...built, words };
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
