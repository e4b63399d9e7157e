import { openProject } from "../src/cli/project.ts";
import type { Release } from "../src/domain/rollout/release.ts";
import { imageSource } from "../src/image/store/image-source.ts";
import { silentLog } from "../src/lib/log.ts";
import { openStateFolder } from "../src/lib/state-folder.ts";
import { systemClock } from "../src/lib/time/clock.ts";
import { type LocalHost, localHost } from "../src/platform/local/local-host.ts";
import type { Bench } from "./workshop.ts";

/** Servers of one release on the local host alone: no controller, no router. */
export interface LocalServers extends AsyncDisposable {
  readonly host: LocalHost;
  readonly tag: string;
  create(slot: number): Promise<unknown>;
  destroy(slot: number): Promise<void>;
}

/** Builds the project's image and prepares what all servers share. Disposing of it destroys those that are left. */
export async function openLocalServers(bench: Bench): Promise<LocalServers> {
  const release = await buildRelease(bench);
  const state = openStateFolder({ KILN_HOME: bench.installation.home });
  const host = localHost({
    ...{ state, images: imageSource(state), clock: systemClock, log: silentLog },
    secrets: { newest: async () => new Uint8Array(), open: async () => new Map() },
    configs: { open: async () => new Uint8Array() },
  });
  await host.prepare(release, aCall());
  return {
    host,
    tag: state.tag,
    create: (slot) => host.create({ id: idOf(slot), release }, aCall()),
    destroy: (slot) => host.destroy(idOf(slot), aCall()),
    async [Symbol.asyncDispose]() {
      const left = await host.list(aCall());
      await Promise.all(left.map(({ id }) => host.destroy(id, aCall())));
    },
  };
}

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
    jobs: [],
  };
}

function idOf(slot: number): string {
  return `bench-1-${slot}-1`;
}

function aCall() {
  const withinMs = 60_000;
  return { signal: AbortSignal.timeout(withinMs), deadline: Date.now() + withinMs };
}
