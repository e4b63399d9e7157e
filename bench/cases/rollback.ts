import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { type Fleet, openFleet, seeChange, watchers } from "../fleet.ts";
import { preciseNowMs } from "../load.ts";
import { service } from "../projects.ts";
import { repeat } from "../stats.ts";

const count = 10;
const rollout = ["strategy: blue-green", "bake: 0s", "keepWarm: 5m", "drain: 5s"];

export const rollbackCase: Case = {
  name: "rollback",
  about: `from the request until the last answer of the newer release, ${count} servers kept warm`,
  async run(workshop) {
    await using fleet = await openFleet(workshop, { count, rollout });
    const samples = await repeat(5, () => deployAndReturn(fleet));
    return [figure("rollback to a warm group, traffic moved", "ms", 100, samples)];
  },
};

async function deployAndReturn(fleet: Fleet): Promise<number> {
  const accepted = await fleet.client.deploy(await fleet.newRelease());
  await fleet.complete(accepted);
  using load = await watchers(fleet);
  const beganAtMs = preciseNowMs();
  const back = await fleet.client.rollback({ service });
  const completed = fleet.complete(back);
  const seen = await seeChange(fleet, load, back.release);
  await completed;
  return seen.movedAtMs - beganAtMs;
}
