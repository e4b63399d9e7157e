import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { planOf } from "../../deploy/plan-of.ts";
import { planLines } from "../../deploy/plan-text.ts";
import { openProject, type ServiceOptions } from "../../project.ts";

interface PlanOptions extends ServiceOptions {
  /** Every service of a folder: its path, or true for the current one. */
  readonly all?: string | true;
  readonly manifests?: true;
}

export async function run(context: Context, options: PlanOptions, service?: string): Outcome {
  const { all, file, manifests } = options;
  if (all !== undefined) {
    if (service !== undefined || file !== undefined || manifests)
      throw new KilnError(
        "usage",
        "`--all` plans every service of a folder; it does not go with a service, `--file` or `--manifests`.",
        {
          hint: "Leave out one of the two.",
        },
      );
    const { planAll } = await import("../../deploy/all/plan-all.ts");
    return planAll(context, options, all);
  }
  const project = await openProject(context.cwd, options, service);
  const plan = await planOf(context, await context.connect(), project, { manifests });
  const { manifestLines } = manifests ? await import("../../deploy/manifest-text.ts") : {};
  context.output.result(plan, manifestLines?.(plan) ?? planLines(plan, context.output.style));
  return 0;
}
