import { resolve } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { planOf } from "../../deploy/plan-of.ts";
import { planLines } from "../../deploy/plan-text.ts";
import { writeOutputFile } from "../../output/output-file.ts";
import { openProject, type ServiceOptions } from "../../project.ts";

interface PlanOptions extends ServiceOptions {
  /** Every service of a folder: its path, or true for the current one. */
  readonly all?: string | true;
  readonly manifests?: true;
  /** Where the plan is to be written. */
  readonly out?: string;
  readonly force?: true;
}

export async function run(context: Context, options: PlanOptions, service?: string): Outcome {
  const { all, file, manifests, out } = options;
  if (all !== undefined) {
    if (service !== undefined || file !== undefined || manifests || out !== undefined)
      throw new KilnError(
        "usage",
        "`--all` plans every service of a folder; it does not go with a service, `--file`, `--manifests` or `--out`.",
        {
          hint: "Leave out one of the two.",
        },
      );
    const { planAll } = await import("../../deploy/all/plan-all.ts");
    return planAll(context, options, all);
  }
  const project = await openProject(context.cwd, options, service);
  const client = await context.connect();
  const planned = await planOf(context, client, project, { manifests });
  const { plan } = planned;
  if (out !== undefined) {
    const { planText } = await import("../../deploy/planned.ts");
    const text = await planText(client, project, planned, context.clock.now());
    const how = { force: options.force, hint: "Name another file, or add `--force` to replace this one." };
    await writeOutputFile(resolve(context.cwd, out), how, (write) => write(text));
  }
  const { manifestLines } = manifests ? await import("../../deploy/manifest-text.ts") : {};
  context.output.result(plan, manifestLines?.(plan) ?? planLines(plan, context.output.style));
  if (out !== undefined) context.output.note(`\`kiln deploy ${out}\` does exactly this.`);
  return 0;
}
