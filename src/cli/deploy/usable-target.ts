import { localTarget, type TargetName } from "../../domain/target.ts";
import { KilnError, type KilnErrorInit } from "../../lib/errors.ts";
import type { Client } from "../api.ts";
import type { Project } from "../project.ts";

/** Throws `target_unknown`, and `platform_unusable` or what else the platform says (`not_root`) with every problem that must be fixed and its remedy. */
export async function requireUsableTarget(client: Client, target: TargetName): Promise<void> {
  const { readiness } = await client.target({ target });
  if (readiness.usable) return;
  const fatal = readiness.gaps.filter((gap) => gap.severity === "fatal");
  const decisive = fatal.find((gap) => gap.code !== undefined);
  const place = target === localTarget.name ? "on this machine" : `on the target ${target}`;
  throw new KilnError(decisive?.code ?? "platform_unusable", `Servers cannot run ${place}.`, {
    problems: fatal.map((gap) => ({ message: gap.what, hint: gap.remedy })),
    hint: decisive?.remedy ?? "`kiln doctor` shows everything that is missing.",
  });
}

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
      : new KilnError(code, `The target in ${file} is not the one that ${spec.service} runs on.`, init);
  }
}
