import { KilnError } from "../../../lib/errors.ts";
import type { Stanza } from "../archive/control.ts";
import { findRecipe, type Recipe } from "../setup/recipe.ts";
import { recipes } from "../setup/recipes.ts";
import { readScript, type ScriptFindings } from "../setup/scripts.ts";
import type { ScriptedPackage } from "./run-scripts.ts";

/** How the scripts of each package of an image are replaced. */
export interface ScriptPlan {
  readonly packages: readonly ScriptedPackage[];
  /** What is seen in the scripts at once. */
  readonly findings: readonly ScriptFindings[];
  readonly used: readonly Recipe[];
}

interface Packed {
  readonly name: string;
  readonly control: Stanza;
  readonly members: ReadonlyMap<string, string>;
  readonly tree: ReadonlyMap<string, unknown>;
}

/** A recipe counts before the scripts; scripts whose text needs nothing are not interpreted. */
export function planScripts(packed: readonly Packed[], skip: readonly string[]): ScriptPlan {
  const read = packed.map((one) => ({ one, found: findingsOf(one), recipe: findRecipe(recipes, one.name) }));
  return {
    packages: read.map(({ one, found, recipe }) => ({
      ...{ name: one.name, control: one.control, members: one.members, paths: [...one.tree.keys()] },
      isInterpreted: found.rest.length > 0 && !recipe && !skip.includes(one.name),
    })),
    findings: read.filter(({ found, recipe }) => recipe || found.rest.length === 0).map(({ found }) => found),
    used: read.flatMap(({ recipe }) => recipe ?? []),
  };
}

function findingsOf(one: Packed): ScriptFindings {
  const found = ["preinst", "postinst"].map((kind) => readScript(one.members.get(kind) ?? ""));
  return {
    alternatives: found.flatMap(({ alternatives }) => alternatives),
    nginxModules: found.flatMap(({ nginxModules }) => nginxModules),
    rest: found.flatMap(({ rest }) => rest),
  };
}

const mostShown = 10;

/** Throws `package_needs_script` when a package's scripts are not understood. */
export function failIfUnclear(unclear: ReadonlyMap<string, string>): void {
  if (unclear.size === 0) return;
  const names = [...unclear.keys()].sort();
  const shown = names.slice(0, mostShown);
  const more = names.length - shown.length;
  throw new KilnError(
    "package_needs_script",
    `The slim engine cannot do what the scripts of ${names.length === 1 ? names[0] : `${names.length} packages`} do.`,
    {
      hint: `Write \`image.engine: full\`, with which all scripts run, and run \`kiln build --update\`; the image is larger, and has a shell. Only if the service needs nothing of what they do: \`image.skipScripts: [${names.join(", ")}]\`.`,
      problems: [
        ...shown.map((name) => ({ message: `${name}: ${shortened(unclear.get(name) ?? "")}` })),
        ...(more > 0 ? [{ message: `and ${more} more: ${names.slice(mostShown).join(", ")}` }] : []),
      ],
    },
  );
}

function shortened(command: string): string {
  return command.length > 100 ? `${command.slice(0, 100)} …` : command;
}
