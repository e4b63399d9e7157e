import { KilnError, type KilnErrorInit } from "../../lib/errors.ts";
import type { Project } from "../project.ts";

/** Runs a check of what a project asks for: an error about its target names the place in the project's file. */
export async function withPlaceOfTarget<Result>(
  { file, spec }: Project,
  check: () => Promise<Result>,
): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
    const { code, message, hint } = error;
    if (code !== "target_unknown" && code !== "target_fixed") throw error;
    const { locate } = await import("../../spec/yaml/locate.ts");
    const place = await locate(file, spec, ["target"]);
    const problem = { message, ...(place && { place }), ...(hint === undefined ? {} : { hint }) };
    const init: KilnErrorInit = { problems: [problem], cause: error };
    throw code === "target_unknown"
      ? new KilnError("spec_invalid", `${file} has 1 problem.`, init)
      : new KilnError(code, `${file} names another target than the one that ${spec.service} runs on.`, init);
  }
}
