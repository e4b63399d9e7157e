import { join } from "node:path";
import { exec } from "../../src/lib/process/exec.ts";
import { dockerfileProject, measureBuilds, type Peer, versionOf } from "./peer.ts";

/** Storage of its own; its layers are cached like other images'. */
export const measureBuildah: Peer = async (base, folder) => {
  const version = await versionOf("buildah");
  if (version === undefined) return { skipped: "not installed" };
  const own = join(folder, "buildah");
  const buildah = (...args: string[]) =>
    exec(["buildah", "--root", join(own, "root"), "--runroot", join(own, "run"), ...args]);
  const project = await dockerfileProject(base, own);
  try {
    await buildah("pull", `docker-archive:${base.path}`);
    const build = () => buildah("build", "--layers", "--isolation", "chroot", "-t", "bench:new", project);
    return { figures: await measureBuilds(`buildah ${version}`, project, build) };
  } finally {
    await buildah("rm", "--all").catch(() => undefined);
    await buildah("rmi", "--all", "--force").catch(() => undefined);
  }
};
