import type { Context, Outcome } from "../../context.ts";
import { buildProject, builtLines } from "../../deploy/build-progress.ts";
import { openProject, type ServiceOptions } from "../../project.ts";

interface BuildOptions extends ServiceOptions {
  readonly update?: boolean;
}

export async function run(context: Context, options: BuildOptions, service?: string): Outcome {
  const project = await openProject(context.cwd, options, service);
  const built = await buildProject(context, project, { updateLock: options.update ?? false });
  const name = project.spec.service;
  context.output.result({ service: name, ...built }, builtLines(name, built, context.output.style));
  return 0;
}
