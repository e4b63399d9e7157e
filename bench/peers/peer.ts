import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../src/lib/process/exec.ts";
import { writeFiles } from "../../test/e2e/harness.ts";
import { type Figure, kiln } from "../figure.ts";
import { page, siteProject } from "../projects.ts";
import { repeat, timed } from "../stats.ts";
import type { BaseArchive } from "./base-image.ts";

export type Measured = { readonly figures: readonly Figure[] } | { readonly skipped: string };

/** Measures one peer with everything of its own below `folder`, and leaves nothing running. */
export type Peer = (base: BaseArchive, folder: string) => Promise<Measured>;

/** The program's version, or undefined when it is not installed. */
export async function versionOf(program: string): Promise<string | undefined> {
  const ran = await exec([program, "--version"]).catch(() => undefined);
  return ran && /\d+\.\d+(\.\d+)?/.exec(ran.stdout)?.[0];
}

/** The same site as a Dockerfile on top of Kiln's image: what changes is copied by the last line. */
export async function dockerfileProject(base: BaseArchive, folder: string): Promise<string> {
  const project = join(folder, "dockerfile");
  await writeFiles(project, {
    ...siteProject(),
    Dockerfile: `FROM ${base.name}\nCOPY nginx.conf /etc/nginx/nginx.conf\nCOPY site /srv/www\n`,
  });
  return project;
}

/** Builds over and over, first with nothing changed, then with one file changed each time. */
export async function measureBuilds(
  by: string,
  project: string,
  build: () => Promise<unknown>,
): Promise<readonly Figure[]> {
  await build();
  const unchanged = await repeat(7, () => timed(build));
  const oneFile = await repeat(7, async (round) => {
    await writeFile(join(project, "site/index.html"), page(`${round}th`));
    return timed(build);
  });
  return [
    { ...peerFigure(by, "site build, nothing changed", unchanged), ...againstDocker(by, 1.5) },
    { ...peerFigure(by, "site build, one file changed", oneFile), ...againstDocker(by, 1) },
  ];
}

function againstDocker(by: string, times: number): Pick<Figure, "against"> {
  return by === kiln ? { against: { peer: "docker", times } } : {};
}

export function peerFigure(by: string, work: string, samples: readonly number[]): Figure {
  return { by, work, unit: "ms", target: undefined, samples };
}
