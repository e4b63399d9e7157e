import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { type Fleet, openFleet, seeChange, watchers } from "../fleet.ts";
import { type Load, preciseNowMs } from "../load.ts";
import { service } from "../projects.ts";
import { repeat } from "../stats.ts";

const count = 4;
const switches = 50;
const rollout = ["strategy: blue-green", "bake: 0s", "keepWarm: 30m", "drain: 5s"];

export const switchCase: Case = {
  name: "switch",
  about: `from the request until no answer is of the release before, ${switches} times to and fro between two warm groups`,
  async run(workshop) {
    await using fleet = await openFleet(workshop, { count, rollout });
    const status = await fleet.client.status({ service });
    const first = status?.serving?.number ?? 0;
    const accepted = await fleet.client.deploy(await fleet.newRelease());
    await fleet.complete(accepted);
    using load = await watchers(fleet);
    const samples = await repeat(switches, (round) =>
      switchTo(fleet, load, round % 2 === 1 ? first : accepted.release),
    );
    const lost = (await load.take()).filter(({ loss }) => loss !== undefined).length;
    const note = lost === 0 ? undefined : `${lost} lost`;
    return [{ ...figure("switch to a warm group, p99", "ms", 100, samples, note), percentile: 0.99 }];
  },
};

async function switchTo(fleet: Fleet, load: Load, release: number): Promise<number> {
  await load.take();
  const beganAtMs = preciseNowMs();
  const back = await fleet.client.rollback({ service, release });
  const completed = fleet.complete(back);
  const seen = await seeChange(fleet, load, release);
  await completed;
  return seen.movedAtMs - beganAtMs;
}
