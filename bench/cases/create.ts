import { openProject } from "../../src/cli/project.ts";
import type { Release } from "../../src/domain/release.ts";
import { imageSource } from "../../src/image/image-source.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import type { Host } from "../../src/platform/fleet/host.ts";
import { localHost } from "../../src/platform/local/local-host.ts";
import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { siteProject } from "../projects.ts";
import { repeat, timed } from "../stats.ts";
import type { Bench } from "../workshop.ts";

const servers = 20;
const atOnce = 10;

export const createCase: Case = {
  name: "create",
  about: "one server by the local host, from the call until its process has started; no controller",
  async run(workshop) {
    await using bench = await workshop.open(siteProject());
    const release = await buildRelease(bench);
    const state = openStateFolder({ KILN_HOME: bench.installation.home });
    const host = localHost({
      ...{ state, images: imageSource(state), clock: systemClock, log: silentLog },
      secrets: { open: async () => new Map() },
      configs: { open: async () => new Uint8Array() },
    });
    await host.prepare(release, aCall());
    try {
      const first = await timed(() => create(host, release, 1));
      const single = await repeat(servers, (round) => timed(() => create(host, release, 1 + round)));
      const slots = Array.from({ length: atOnce }, (_, i) => 100 + i);
      const many = await timed(() => Promise.all(slots.map((slot) => create(host, release, slot))));
      const destroyed = await repeat(servers, (round) => timed(() => host.destroy(idOf(1 + round), aCall())));
      return [
        figure("create one server", "ms", 60, single),
        figure(
          "create the first server of an image",
          "ms",
          undefined,
          [first],
          "mounts its layers, makes the bridge",
        ),
        figure(`create ${atOnce} servers at once, each`, "ms", undefined, [many / atOnce]),
        figure("destroy one server", "ms", undefined, destroyed),
      ];
    } finally {
      const left = await host.list(aCall());
      await Promise.all(left.map(({ id }) => host.destroy(id, aCall())));
    }
  },
};

async function buildRelease({ installation, folder }: Bench): Promise<Release> {
  const { spec } = await openProject(folder, {}, undefined);
  const built = await installation.json<{ digest: string; version: string }>(["build"], { cwd: folder });
  const { shape, health, traffic, service } = spec;
  return {
    service,
    number: 1,
    createdAtMs: Date.now(),
    createdBy: "bench@example.com",
    image: built.digest,
    version: built.version,
    shape,
    health,
    traffic,
    secrets: [],
    files: [],
  };
}

function create(host: Host, release: Release, slot: number): Promise<unknown> {
  return host.create({ id: idOf(slot), release }, aCall());
}

function idOf(slot: number): string {
  return `bench-1-${slot}-1`;
}

function aCall() {
  const withinMs = 30_000;
  return { signal: AbortSignal.timeout(withinMs), deadline: Date.now() + withinMs };
}
