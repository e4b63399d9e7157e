import { createClient } from "../src/api/client/client.ts";
import type { Client } from "../src/api/contract/types.ts";
import { deployRequest, unbuiltRelease } from "../src/cli/deploy/deploy-request.ts";
import { openProject } from "../src/cli/project.ts";
import type { Accepted, DeployRequest } from "../src/controller/operations.ts";
import type { Rollout } from "../src/domain/rollout/rollout.ts";
import { openStateFolder } from "../src/lib/state-folder.ts";
import { freePort } from "../src/lib/testing.ts";
import { waitUntil } from "../test/e2e/harness.ts";
import { type Answer, allServedAtMs, type Load, movedAtMs, startLoad } from "./load.ts";
import { type ProjectOptions, service, siteProject } from "./projects.ts";
import type { Bench, BenchOptions, Workshop } from "./workshop.ts";

/** A deployed site with its controller, router and servers. */
export interface Fleet extends AsyncDisposable {
  readonly bench: Bench;
  readonly client: Client;
  readonly url: string;
  readonly count: number;
  /** A request for a release that differs from all others by one environment variable: nothing has to be built. */
  newRelease(): Promise<DeployRequest>;
  /** Resolves when the rollout is complete; throws when it ends otherwise. */
  complete(accepted: Accepted): Promise<Rollout>;
}

const settleTimeoutMs = 120_000;

/** Builds and deploys the site; all its servers are ready when this resolves. */
export async function openFleet(
  workshop: Workshop,
  { drifts = false, ...options }: ProjectOptions & BenchOptions & { count: number },
): Promise<Fleet> {
  const port = await freePort();
  const secondPort = await freePort();
  const bench = await workshop.open(siteProject({ ...options, port, secondPort }), { drifts });
  const { installation, folder } = bench;
  const client = createClient(openStateFolder({ KILN_HOME: installation.home }).controllerSocket);
  let editions = 0;
  async function newRelease(): Promise<DeployRequest> {
    const { spec } = await openProject(folder, {}, undefined);
    const image = await installation.json<{ digest: string; version: string }>(["build"], { cwd: folder });
    const shape = { ...spec.shape, env: { EDITION: String(++editions) } };
    const release = await unbuiltRelease({ ...spec, shape });
    return deployRequest(spec, release, image);
  }
  try {
    await installation.ok(["deploy"], { cwd: folder });
  } catch (error) {
    await bench[Symbol.asyncDispose]();
    throw error;
  }
  return {
    bench,
    client,
    url: `http://127.0.0.1:${port}/`,
    count: options.count,
    newRelease,
    complete: (accepted) => complete(client, accepted),
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  };
}

async function complete(client: Client, { rollout: id }: Accepted): Promise<Rollout> {
  if (id === undefined) throw new Error("nothing was rolled out");
  let last: Rollout | undefined;
  await waitUntil(
    async () => {
      last = await client.rollout({ id });
      return last.endedAtMs !== undefined;
    },
    settleTimeoutMs,
    "the rollout has ended",
  );
  if (last?.phase !== "complete") throw new Error(`the rollout ended as ${last?.phase}: ${last?.reason}`);
  return last;
}

/** Until only this release is there: what others left must not disturb the next measurement. */
export async function untilAlone({ client, count }: Fleet, release: number): Promise<void> {
  await waitUntil(
    async () => {
      const status = await client.status({ service });
      const servers = status?.servers ?? [];
      return servers.length === count && servers.every((s) => s.release === release && s.inTraffic);
    },
    settleTimeoutMs,
    `only release ${release} is left`,
  );
}

/** How a change looked from outside: one deploy or rollback, seen by clients of the router. */
export interface SeenChange {
  /** When the last request had been answered by another release (Unix time in ms). */
  readonly movedAtMs: number;
  /** When every server of the release had answered. */
  readonly allServedAtMs: number;
  readonly answers: readonly Answer[];
}

/** Few clients: on a small machine what measures must not take the time that it measures. */
export function watchers(fleet: Fleet): Promise<Load> {
  return startLoad({ url: fleet.url, clients: 4, pauseMs: 4 });
}

/** Waits until every server of the release has answered and none of another any more. */
export async function seeChange(fleet: Fleet, load: Load, release: number): Promise<SeenChange> {
  const answers: Answer[] = [];
  const take = async () => void answers.push(...(await load.take()));
  const served = () => allServedAtMs(answers, release, fleet.count);
  await waitUntil(
    async () => {
      await take();
      return served() !== undefined;
    },
    settleTimeoutMs,
    `all servers of release ${release} have answered`,
  );
  await untilTrafficOn(fleet, release);
  await take();
  return {
    movedAtMs: movedAtMs(answers, release) ?? Number.NaN,
    allServedAtMs: served() ?? Number.NaN,
    answers,
  };
}

/** The controller, too, says that all the traffic is there; whatever is answered later can't be of another release. */
async function untilTrafficOn({ client }: Fleet, release: number): Promise<void> {
  await waitUntil(
    async () => {
      const status = await client.status({ service });
      return (status?.servers ?? []).every((s) => !s.inTraffic || s.release === release);
    },
    settleTimeoutMs,
    `all the traffic is on release ${release}`,
  );
}
