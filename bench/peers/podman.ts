import { join } from "node:path";
import { exec } from "../../src/lib/process/exec.ts";
import { repeat, timed } from "../stats.ts";
import { dockerfileProject, measureBuilds, type Peer, peerFigure, versionOf } from "./peer.ts";

/** Without a daemon: every command is a process of its own. */
export const measurePodman: Peer = async (base, folder) => {
  const version = await versionOf("podman");
  if (version === undefined) return { skipped: "not installed" };
  const by = `podman ${version}`;
  const own = join(folder, "podman");
  const podman = (...args: string[]) =>
    exec(["podman", "--root", join(own, "root"), "--runroot", join(own, "run"), ...args]);
  const project = await dockerfileProject(base, own);
  try {
    await podman("load", "--input", base.path);
    const builds = await measureBuilds(by, project, () => podman("build", "-t", "bench:new", project));
    const run = () => podman("run", "--detach", "--read-only", "--tmpfs", "/tmp", "bench:new");
    const started = await repeat(10, () => timed(run));
    return { figures: [...builds, peerFigure(by, "create one server", started)] };
  } finally {
    await podman("rm", "--all", "--force", "--time", "0").catch(() => undefined);
    await podman("rmi", "--all", "--force").catch(() => undefined);
  }
};
