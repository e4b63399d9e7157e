import type { ChangePlan, Client } from "../api.ts";
import type { Context } from "../context.ts";
import type { Project } from "../project.ts";
import { buildProject } from "./build-progress.ts";
import { checkedRelease, deployRequest } from "./deploy-request.ts";
import { handOver } from "./hand-over.ts";

/** What a deploy of the project would do. The image's digest is part of the plan, so this builds; without changes the cache answers. */
export async function planOf(
  context: Context,
  client: Client,
  project: Project,
  asked: { readonly manifests?: boolean | undefined } = {},
): Promise<ChangePlan> {
  // A running rollout blocks a deploy, but not a plan: it tells what `--supersede` would do.
  const { release } = await checkedRelease(client, project, { supersede: true });
  const built = await buildProject(context, project, { updateLock: false });
  await handOver(context, project.spec.service, built);
  const { service, ...wanted } = deployRequest(project.spec, release, built);
  return client.plan({ service, change: { kind: "deploy", supersede: true, ...wanted }, ...asked });
}
