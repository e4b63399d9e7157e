import { join } from "node:path";
import { exec } from "../../src/lib/process/exec.ts";
import { service } from "../projects.ts";
import type { Bench } from "../workshop.ts";

/** Kiln's image in a form that every container tool reads. */
export interface BaseArchive {
  readonly path: string;
  /** What it is called after loading. */
  readonly name: string;
  /** The image as it lies in Kiln's store, as `FOLDER:NAME`. */
  readonly layout: string;
}

/** Builds the project's image and lets skopeo write it as an archive. Throws `tool_missing` without skopeo. */
export async function baseArchive({ installation, folder }: Bench, target: string): Promise<BaseArchive> {
  const { version } = await installation.json<{ version: string }>(["build"], { cwd: folder });
  const path = join(target, "base.tar");
  const name = `localhost/${service}:base`;
  const layout = `${join(installation.home, "images")}:${service}:${version}`;
  await exec(["skopeo", "copy", "--quiet", `oci:${layout}`, `docker-archive:${path}:${name}`]);
  return { path, name, layout };
}
