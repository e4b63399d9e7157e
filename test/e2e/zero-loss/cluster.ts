import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "../../../src/api/client/client.ts";
import type { Client } from "../../../src/api/contract/types.ts";
import type { Accepted, ServiceStatus } from "../../../src/controller/operations.ts";
import type { Rollout } from "../../../src/domain/rollout/rollout.ts";
import type { RolloutPolicy } from "../../../src/domain/spec/rollout-policy.ts";
import { openStateFolder } from "../../../src/lib/state-folder.ts";
import { freePort } from "../../../src/lib/testing.ts";
import { type Installation, install, waitUntil } from "../harness.ts";
import { isRunning } from "../machine.ts";
import { type Frontends, type Service, services } from "./kinds.ts";
import { prepareRequests, type Requests } from "./requests.ts";
import { serialAt } from "./router-process.ts";

const settleMs = 90_000;

/** Three services on one machine. What is said of rollouts is done with all three at once. */
export interface Cluster extends AsyncDisposable {
  readonly kiln: Installation;
  readonly frontends: Frontends;
  /** A new release of each service, rolled out in this way. */
  deploy(policy: Partial<RolloutPolicy>): Promise<readonly Accepted[]>;
  rollback(): Promise<readonly Accepted[]>;
  abort(): Promise<void>;
  scale(count: number): Promise<void>;
  /** Resolves when these rollouts have ended, each in this phase. */
  ended(accepted: readonly Accepted[], phase: Rollout["phase"]): Promise<void>;
  /** Resolves when all of the new traffic goes to the new releases. */
  moved(accepted: readonly Accepted[]): Promise<void>;
  /** How many rollouts are running. */
  rolling(): Promise<number>;
  /** Until each service has only servers of the release that serves, all in traffic. */
  atRest(): Promise<void>;
  killController(): Promise<void>;
  /** Kills one of the service's servers; resolves when its process is gone. */
  killServer(service: Service): Promise<void>;
  /** Another service comes and goes: the router opens and closes a port. */
  passingService(): Promise<void>;
  /** Resolves when clients are shown another certificate. */
  renewCertificate(): Promise<void>;
}

export async function openCluster(): Promise<Cluster> {
  const kiln = await install();
  try {
    const requests = await prepareRequests(kiln);
    await kiln.ok(["controller", "start"]);
    const cluster = clusterOf(kiln, requests);
    await cluster.ended(await cluster.deploy({}), "complete");
    return cluster;
  } catch (error) {
    await kiln[Symbol.asyncDispose]();
    throw error;
  }
}

function clusterOf(kiln: Installation, requests: Requests): Cluster {
  const client = createClient(openStateFolder({ KILN_HOME: kiln.home }).controllerSocket);
  const each = <T>(work: (service: Service) => Promise<T>) => Promise.all(services.map(work));
  const status = (service: Service) => statusOf(client, service);
  return {
    kiln,
    frontends: requests.frontends,
    deploy: (policy) => each((service) => client.deploy(requests.make(service, policy))),
    rollback: () => each((service) => client.rollback({ service })),
    abort: async () => void (await each((service) => client.abort({ service }))),
    scale: async (count) => void (await each((service) => client.scale({ service, count }))),
    ended: async (accepted, phase) => {
      for (const one of accepted) await ended(client, one, phase);
    },
    moved: (accepted) => moved(client, accepted),
    rolling: async () => (await each(status)).filter(({ rollout }) => rollout !== undefined).length,
    atRest: () =>
      waitUntil(async () => (await each(status)).every(isAtRest), settleMs, "all services are at rest"),
    killController: async () => kill(await kiln.controllerPid()),
    killServer: async (service) => {
      const server = (await status(service)).servers.find(({ inTraffic }) => inTraffic);
      await kill(await processOf(kiln.home, server?.id ?? ""));
    },
    passingService: () => passingService(client, requests),
    renewCertificate: async () => {
      const { https } = requests.frontends;
      const before = await serialAt(https);
      await requests.renewCertificate();
      const isShown = async () => (await serialAt(https)) !== before;
      await waitUntil(isShown, settleMs, "the renewed certificate is shown");
    },
    [Symbol.asyncDispose]: () => kiln[Symbol.asyncDispose](),
  };
}

async function statusOf(client: Client, service: Service): Promise<ServiceStatus> {
  const found = await client.status({ service });
  if (found === undefined) throw new Error(`${service} has no status`);
  return found;
}

async function ended(
  client: Client,
  { service, rollout: id }: Accepted,
  phase: Rollout["phase"],
): Promise<void> {
  if (id === undefined) throw new Error(`nothing of ${service} was rolled out`);
  const look = () => client.rollout({ id }).catch(() => undefined); // a controller may just be starting
  await waitUntil(async () => (await look())?.endedAtMs !== undefined, settleMs, `${service} has rolled out`);
  const rollout = await client.rollout({ id });
  if (rollout.phase === phase) return;
  throw new Error(`the rollout of ${service} ended as ${rollout.phase}: ${rollout.reason}`);
}

function moved(client: Client, accepted: readonly Accepted[]): Promise<void> {
  const look = () => Promise.all(accepted.map(({ rollout }) => client.rollout({ id: rollout ?? 0 })));
  const haveMoved = async () => (await look()).every(({ movedAtMs }) => movedAtMs !== undefined);
  return waitUntil(haveMoved, settleMs, "the traffic has moved");
}

async function passingService(client: Client, requests: Requests): Promise<void> {
  const accepted = await client.deploy(requests.another("passing", await freePort()));
  await ended(client, accepted, "complete");
  await client.remove({ service: "passing" });
  const isGone = async () => (await client.services()).every(({ service }) => service !== "passing");
  await waitUntil(isGone, settleMs, "the passing service is gone");
}

async function processOf(home: string, server: string): Promise<number | undefined> {
  const text = await readFile(join(home, "servers", server, "record.json"), "utf8");
  const record = JSON.parse(text) as { readonly running?: { readonly process: { readonly pid: number } } };
  return record.running?.process.pid;
}

async function kill(pid: number | undefined): Promise<void> {
  if (pid === undefined) throw new Error("there is no process to kill");
  process.kill(pid, "SIGKILL");
  await waitUntil(() => !isRunning(pid), settleMs, `process ${pid} is gone`);
}

function isAtRest({ count, serving, rollout, warm, servers }: ServiceStatus): boolean {
  const isServing = servers.every((s) => s.release === serving?.number && s.inTraffic);
  return rollout === undefined && warm.length === 0 && servers.length === count && isServing;
}
