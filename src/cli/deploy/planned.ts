import { resolve } from "node:path";
import { KilnError } from "../../lib/errors.ts";
import type { Client } from "../api.ts";
import type { Context } from "../context.ts";
import { openProject, type Project } from "../project.ts";
import { deployRequest, unbuiltRelease } from "./deploy-request.ts";
import { handOver } from "./hand-over.ts";
import { askedDigest, type PlanFile, planFileText, readPlanFile } from "./plan-file.ts";
import type { PlannedDeploy } from "./plan-of.ts";
import { type ImageToDeploy, noteImage } from "./steps.ts";

/** The text of a file that says what was planned, for the installation of this client. */
export async function planText(
  client: Client,
  project: Project,
  { plan, request, checkout }: PlannedDeploy,
  nowMs: number,
): Promise<string> {
  const { installation } = await client.info({});
  const { service, environment } = project.spec;
  return planFileText({
    ...{ madeAt: new Date(nowMs).toISOString(), installation, service },
    ...(environment === undefined ? {} : { environment }),
    target: plan.target,
    image: { digest: request.draft.image, version: request.draft.version },
    ...(checkout === undefined ? {} : { checkout: { commit: checkout.commit, dirty: checkout.dirty } }),
    ...{ asked: askedDigest(request), plan: plan.digest },
  });
}

/** A plan's file, and the project that it is about. */
export interface Planned {
  readonly path: string;
  readonly file: PlanFile;
  readonly project: Project;
}

/**
 * Throws `plan_file_invalid`, and `expectation_failed` when the plan was made on another installation, or when kiln.yaml or a file of
 * `servers.files` asks for something else by now.
 */
export async function openPlanned(
  context: Context,
  { file: specFile }: { readonly file?: string },
  given: string,
): Promise<Planned> {
  const path = resolve(context.cwd, given);
  const file = readPlanFile(path);
  const { service, environment: env } = file;
  const from = {
    ...(specFile === undefined ? {} : { file: specFile }),
    ...(env === undefined ? {} : { env }),
  };
  const project = await openProject(context.cwd, from, service);
  const { installation } = await (await context.connect()).info({});
  if (installation !== file.installation)
    throw stale(`${path} was made on ${file.installation}, but this is ${installation}.`);
  if (askedDigest(deployRequest(project.spec, unbuiltRelease(project.spec), file.image)) !== file.asked)
    throw stale(`${project.file}, or a file of its \`servers.files\`, has changed since ${path} was made.`);
  return { path, file, project };
}

/** The image that the plan names. Where this machine does not have it, the controller does, or refuses. */
export async function plannedImage(context: Context, { file }: Planned): Promise<ImageToDeploy> {
  const { service, image, checkout } = file;
  const { resolveImage } = await import("../../image/store/images.ts");
  const here = await resolveImage(context.state, service, image.digest).catch(async (error: unknown) => {
    if (!hasCode(error, "image_unknown") || (await context.remote()) === undefined) throw error;
  });
  if (here !== undefined) await handOver(context, service, image);
  const planned = { ...image, checkout, bytes: here?.bytes, words: "as planned" };
  noteImage(context, service, planned);
  return planned;
}

/** Says of a refused expectation that it was the plan's. */
export async function asPlanned<Result>(
  { path, file }: Planned,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!hasCode(error, "expectation_failed")) throw error;
    throw stale(
      `What ${path} planned at ${file.madeAt} no longer holds: something has changed since.`,
      error,
    );
  }
}

function stale(message: string, cause?: unknown): KilnError {
  return new KilnError("expectation_failed", `${message} Nothing was changed.`, {
    hint: "Make the plan again with `kiln plan --out FILE`, look at it, and deploy that.",
    cause,
  });
}

function hasCode(error: unknown, code: KilnError["code"]): boolean {
  return error instanceof KilnError && error.code === code;
}
