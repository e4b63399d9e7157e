import { relative } from "node:path";
import { checkFile } from "../../../spec/check-file.ts";
import type { Context, Outcome } from "../../context.ts";
import { requireFile } from "../../project.ts";

/** Checks a whole file, with every environment: for editors and pull requests. Builds nothing and asks no controller. */
export async function run(context: Context, options: { readonly file?: string }): Outcome {
  const { cwd, output } = context;
  const file = await requireFile(cwd, options.file);
  const services = await checkFile(file);
  const words = services.map(({ service, environments }) =>
    environments.length === 0 ? service : `${service} (${environments.join(", ")})`,
  );
  output.result({ file, services }, [`${relative(cwd, file)} has no problems: ${words.join(", ")}.`]);
  return 0;
}
