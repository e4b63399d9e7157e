import type { Case } from "../case.ts";
import { type Figure, kiln } from "../figure.ts";
import { siteProject } from "../projects.ts";
import type { Workshop } from "../workshop.ts";
import { measureAide } from "./aide.ts";
import { baseArchive } from "./base-image.ts";
import { measureBuildah } from "./buildah.ts";
import { measureDocker } from "./docker.ts";
import { measureBuilds, type Peer } from "./peer.ts";
import { measurePodman } from "./podman.ts";
import { measureRunc } from "./runc.ts";

const peers: Readonly<Record<string, Peer>> = {
  docker: measureDocker,
  buildah: measureBuildah,
  podman: measurePodman,
  runc: measureRunc,
  aide: measureAide,
};

export const peersCase: Case = {
  name: "peers",
  about: "the same work by what else is installed",
  run: measurePeers,
};

/** Every peer that is here works on the image that Kiln has built, so that none needs a registry. */
async function measurePeers(workshop: Workshop): Promise<readonly Figure[]> {
  await using bench = await workshop.open(siteProject());
  const base = await baseArchive(bench, workshop.folder);
  const build = () => bench.installation.ok(["build"], { cwd: bench.folder });
  const figures = [...(await measureBuilds(kiln, bench.folder, build))];
  for (const [name, measure] of Object.entries(peers)) {
    const measured = await measure(base, workshop.folder).catch((error: unknown) => ({
      skipped: error instanceof Error ? error.message : String(error),
    }));
    if ("skipped" in measured) workshop.say(`${name}: skipped, ${measured.skipped}`);
    else figures.push(...measured.figures);
  }
  return figures;
}
