import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { largeFolderProject, largeImageProject, siteProject } from "../projects.ts";
import { repeat, timed } from "../stats.ts";
import { type Bench, edit } from "../workshop.ts";

export const buildCase: Case = {
  name: "build",
  about: "`kiln build`, process start included",
  async run(workshop) {
    await using image = await workshop.open(largeImageProject());
    await build(image);
    const unchanged = await repeat(9, () => timedBuild(image));
    const oneFile = await repeat(7, (round) => timedEdit(image, "app/source-7.js", `// edition ${round}\n`));
    const { bytes } = await image.installation.json<{ bytes: number }>(["build"], { cwd: image.folder });
    await using folder = await workshop.open(largeFolderProject());
    await build(folder);
    const inFolder = await repeat(5, (round) => timedEdit(folder, "data/part-7.bin", `edition ${round}\n`));
    const size = `an image of ${(bytes / 1e6).toFixed(0)} MB`;
    return [
      figure("build, nothing changed", "ms", 300, unchanged, size),
      figure("build, one file changed", "ms", 700, oneFile, size),
      figure("build, one file of a 150 MB folder changed", "ms", 700, inFolder),
    ];
  },
};

export const coldCase: Case = {
  name: "cold",
  about: "a slim nginx image from fetched packages, with no layer and no image kept",
  async run(workshop) {
    const samples = await repeat(5, async () => {
      await using bench = await workshop.open(siteProject());
      await rm(join(bench.installation.home, "cache/packages/unpacked"), { recursive: true, force: true });
      return timedBuild(bench);
    });
    return [figure("cold slim nginx image, packages fetched", "ms", 6000, samples)];
  },
};

function build({ installation, folder }: Bench): Promise<unknown> {
  return installation.ok(["build"], { cwd: folder });
}

function timedBuild(bench: Bench): Promise<number> {
  return timed(() => build(bench));
}

async function timedEdit(bench: Bench, file: string, text: string): Promise<number> {
  await edit(bench, file, text);
  return timedBuild(bench);
}
