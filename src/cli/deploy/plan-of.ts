import type { BuildResult } from "../../image/build.ts";
import type { ChangePlan, Client, DeployRequest } from "../api.ts";
import type { Context } from "../context.ts";
import type { Project } from "../project.ts";
import { buildProject } from "./build-progress.ts";
import { checkedRelease, deployRequest } from "./deploy-request.ts";
import { handOver } from "./hand-over.ts";

export interface PlannedDeploy {
  readonly plan: ChangePlan;
  /** What was planned: a deploy asks for the same. */
  readonly request: DeployRequest;
  readonly checkout: BuildResult["checkout"];
}

/** What a deploy of the project would do. The image's digest is part of the plan, so this builds; without changes the cache answers. */
export async function planOf(
  context: Context,
  client: Client,
  project: Project,
  asked: { readonly manifests?: boolean | undefined } = {},
): Promise<PlannedDeploy> {
  // A running rollout blocks a deploy, but not a plan: it tells what `--supersede` would do.
  const { release } = await checkedRelease(client, project, { supersede: true });
  const built = await buildProject(context, project, { updateLock: false });
  await handOver(context, project.spec.service, built);
  const request = deployRequest(project.spec, release, built);
  const { service, ...wanted } = request;
  const plan = await client.plan({
    ...{ service, change: { kind: "deploy", supersede: true, ...wanted }, ...asked },
  });
  return { plan, request, checkout: built.checkout };
}
