import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { systemPath } from "../../lib/process/environment.ts";
import { type SystemPackage, systemPackages } from "../../lib/system-packages.ts";
import type { Gap } from "../api.ts";

/** Which programs of `scripts/system-packages.txt` are installed. */
export interface ProgramsFound {
  /** Paths. */
  readonly facts: readonly string[];
  readonly gaps: readonly Gap[];
}

/** Looks for the programs that build images, and for optional ones. The platform checks itself what servers need. */
export async function findBuildPrograms(): Promise<ProgramsFound> {
  const looked = await look(({ when }) => when === "images" || when === "better");
  return {
    facts: looked.flatMap(({ found }) => found ?? []),
    gaps: looked.flatMap(({ name, debianPackage, found }): Gap[] =>
      found === undefined
        ? [
            {
              what: `${name} is missing; it is needed for ${debianPackage.purpose}`,
              remedy: `Run \`kiln doctor --fix\` as root, or \`apt-get install ${debianPackage.name}\`.`,
              severity: "degraded",
            },
          ]
        : [],
    ),
  };
}

/** The Debian packages of all missing programs that a running Kiln uses. */
export async function findMissingPackages(): Promise<readonly string[]> {
  const looked = await look(({ when }) => !["setup", "machines", "templates"].includes(when));
  const missing = looked.filter(({ found }) => found === undefined);
  return [...new Set(missing.map(({ debianPackage }) => debianPackage.name))];
}

interface Looked {
  readonly name: string;
  readonly debianPackage: SystemPackage;
  readonly found: string | undefined;
}

async function look(wanted: (entry: SystemPackage) => boolean): Promise<readonly Looked[]> {
  const programs = systemPackages()
    .filter(wanted)
    .flatMap((debianPackage) => debianPackage.programs.map((name) => ({ name, debianPackage })));
  return Promise.all(programs.map(async (entry) => ({ ...entry, found: await findProgram(entry.name) })));
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of systemPath.split(":")) {
    const candidate = join(folder, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
