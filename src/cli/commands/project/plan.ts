import type { Context, Outcome } from "../../context.ts";
import { buildProject } from "../../deploy/build-progress.ts";
import { checkedRelease, deployRequest } from "../../deploy/deploy-request.ts";
import { handOver } from "../../deploy/hand-over.ts";
import { printPlan } from "../../deploy/plan-text.ts";
import { openProject, type ServiceOptions } from "../../project.ts";

/** The image's digest is part of the plan, so this builds; without changes the cache answers. */
export async function run(context: Context, options: ServiceOptions, service?: string): Outcome {
  const project = await openProject(context.cwd, options, service);
  const client = await context.connect();
  // A running rollout blocks a deploy, but not a plan: it tells what `--supersede` would do.
  const { release } = await checkedRelease(client, project, { supersede: true });
  const built = await buildProject(context, project, { updateLock: false });
  await handOver(context, project.spec.service, built);
  const { service: key, ...wanted } = deployRequest(project.spec, release, built);
  return printPlan(context, client, key, { kind: "deploy", supersede: true, ...wanted });
}
