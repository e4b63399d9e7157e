import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseServerId } from "../../src/platform/fleet/server-id.ts";
import { waitUntil } from "../../test/e2e/harness.ts";
import { isRunning } from "../../test/e2e/machine.ts";
import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { type Fleet, openFleet, untilAlone } from "../fleet.ts";
import { repeat } from "../stats.ts";

const count = 10;
const rollout = ["strategy: blue-green", "bake: 0s", "keepWarm: 0s", "drain: 1s"];

export const resumeCase: Case = {
  name: "resume",
  about: `from the start of a controller until it makes the next server of a rollout that one before it began`,
  async run(workshop) {
    await using fleet = await openFleet(workshop, { count, rollout });
    return [figure("controller restart, rollout resumed", "ms", 1000, await repeat(10, () => resume(fleet)))];
  },
};

/** The controller is killed as soon as the rollout is recorded, so most of its servers are still to be made. */
async function resume(fleet: Fleet): Promise<number> {
  const { installation } = fleet.bench;
  const accepted = await fleet.client.deploy(await fleet.newRelease());
  await killController(fleet);
  const before = await madeOf(installation.home, accepted.release);
  const beganAt = performance.now();
  const started = installation.ok(["controller", "start"]);
  const isGoingOn = async () => (await madeOf(installation.home, accepted.release)) > before;
  while (!(await isGoingOn())) await new Promise((resolve) => setTimeout(resolve, 2));
  const tookMs = performance.now() - beganAt;
  await started;
  await fleet.complete(accepted);
  await untilAlone(fleet, accepted.release);
  return tookMs;
}

async function killController(fleet: Fleet): Promise<void> {
  const pid = await fleet.bench.installation.controllerPid();
  if (pid === undefined) throw new Error("no controller runs");
  process.kill(pid, "SIGKILL");
  await waitUntil(() => !isRunning(pid), 10_000, "the controller is gone");
}

/** Each server has a folder from the moment that its making begins. */
async function madeOf(home: string, release: number): Promise<number> {
  const ids = await readdir(join(home, "servers"));
  return ids.filter((id) => parseServerId(id)?.release === release).length;
}
