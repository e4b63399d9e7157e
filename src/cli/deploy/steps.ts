import { KilnError } from "../../lib/errors.ts";
import type { Accepted, Client, DeployRequest } from "../api.ts";
import type { Context } from "../context.ts";
import { formatBytes, formatDuration } from "../output/units.ts";
import type { Project } from "../project.ts";
import { admissionWarnings } from "./admission-text.ts";
import { buildProject } from "./build-progress.ts";
import { type ChangeOptions, onRelease } from "./change-options.ts";
import { climbingOf } from "./climbing.ts";
import { type CheckedRelease, deployRequest } from "./deploy-request.ts";
import { handOver } from "./hand-over.ts";
import { originOf } from "./origin.ts";
import { type FinishedBuild, traceOf } from "./trace.ts";

/** The steps of a deploy after its check, in their order. */

export interface ImageToDeploy {
  readonly digest: string;
  readonly version: string;
  /** Undefined where this machine does not have it. */
  readonly bytes: number | undefined;
  /** What git says of the files that it was made from; undefined where that is not known. */
  readonly checkout: Parameters<typeof originOf>[1];
  readonly words: string;
  /** Absent: it was built before. */
  readonly built?: FinishedBuild;
}

/** The named image, or one built now; the controller has it afterwards. */
export async function imageToDeploy(
  context: Context,
  project: Project,
  named: string | undefined,
): Promise<ImageToDeploy> {
  const { service } = project.spec;
  const image = named === undefined ? await build(context, project) : await stored(context, service, named);
  await handOver(context, service, image);
  noteImage(context, service, image);
  return image;
}

export function noteImage(
  { output }: Context,
  service: string,
  { version, bytes, words }: ImageToDeploy,
): void {
  const size = bytes === undefined ? [] : [formatBytes(bytes)];
  output.note([`Image ${service}:${version}`, ...size, `${words}.`].join(", "));
}

async function stored(context: Context, service: string, named: string): Promise<ImageToDeploy> {
  const { resolveImage } = await import("../../image/store/images.ts");
  const image = await resolveImage(context.state, service, named);
  return { ...image, checkout: undefined, words: "already built" };
}

async function build(context: Context, project: Project): Promise<ImageToDeploy> {
  const built = await buildProject(context, project, { updateLock: false });
  const words = built.changed ? `built in ${formatDuration(built.ms)}` : "nothing to build";
  return { ...built, words, built: { ms: built.ms, atMs: context.clock.now() } };
}

export interface Requested {
  readonly client: Client;
  readonly accepted: Accepted;
}

/** Asks the controller for the rollout. */
export async function requestDeploy(
  context: Context,
  project: Project,
  { release, servingCommit }: CheckedRelease,
  image: ImageToDeploy,
  options: ChangeOptions & {
    readonly supersede?: boolean | undefined;
    readonly breakGlass?: boolean | undefined;
  },
): Promise<Requested> {
  const origin = await originOf(project.folder, image.checkout, servingCommit, context.env);
  const requested = await requestAgain(context, {
    ...deployRequest(project.spec, release, image),
    ...onRelease(options),
    ...origin,
    ...traceOf(context.env, image.built, context.clock.now()),
    ...(options.supersede ? { supersede: true } : {}),
    ...(options.breakGlass ? { breakGlass: true } : {}),
    climbing: await climbingOf(project),
  });
  for (const change of requested.accepted.adopted ?? []) context.output.note(change);
  context.output.note(...admissionWarnings(requested.accepted.admission, context.output.noteStyle));
  return requested;
}

/**
 * A controller that ends in the middle is started again and asked again: a deploy that it has recorded already is
 * found, not made twice.
 */
async function requestAgain(context: Context, request: DeployRequest, attempts = 3): Promise<Requested> {
  const client = await context.connect();
  try {
    return { client, accepted: await client.deploy(request) };
  } catch (error) {
    const gone = error instanceof KilnError && error.code === "controller_unreachable";
    if (!gone || attempts === 1) throw error;
    return requestAgain(context, request, attempts - 1);
  }
}
