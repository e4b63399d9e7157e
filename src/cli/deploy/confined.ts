import { realpathSync } from "node:fs";
import { KilnError, type Problem } from "../../lib/errors.ts";
import { isAtOrBelow } from "../../spec/paths.ts";
import type { Context } from "../context.ts";
import type { Project } from "../project.ts";
import { confinedVariable } from "./confined-variable.ts";

interface Reach {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/**
 * Nothing where the project is the caller's own. Otherwise throws `forbidden`, with the place of everything by which a build would reach files of this
 * machine outside the project, or its network.
 */
export async function requireConfined({ env }: Pick<Context, "env">, project: Project): Promise<void> {
  if (env[confinedVariable] === undefined) return;
  const reaches = [...reachesOf(project)];
  if (reaches.length === 0) return;
  const { locate } = await import("../../spec/yaml/locate.ts");
  const problems = reaches.map(async ({ path, message }): Promise<Problem> => {
    const place = await locate(project.file, project.spec, path);
    return { message, ...(place === undefined ? {} : { place }) };
  });
  throw new KilnError("forbidden", "A repository that a service follows may not reach this machine.", {
    hint: "Build the image elsewhere and name it in `image.from`, or deploy with a pipeline that runs `kiln deploy`.",
    problems: await Promise.all(problems),
  });
}

function* reachesOf({ spec: { image }, folder }: Project): Generator<Reach> {
  const { from } = image;
  if ("path" in from && !isAtOrBelow(from.path, realpathSync(folder)))
    yield { path: ["image", "from"], message: `${from.path} is outside the folder of kiln.yaml.` };
  if (image.network !== undefined)
    yield {
      path: ["image", "network"],
      message: "The steps of a build may not reach what this machine reaches.",
    };
  for (const [index, line] of image.sources.entries()) {
    if (!/^deb( +\[[^\]]*\])? +https?:/i.test(line))
      yield { path: ["image", "sources", index], message: `\`${line}\` reads files of this machine.` };
  }
}
