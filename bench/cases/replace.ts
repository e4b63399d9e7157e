import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { type Fleet, openFleet, seeChange, untilAlone, watchers } from "../fleet.ts";
import { preciseNowMs } from "../load.ts";
import { page, service } from "../projects.ts";
import { repeat } from "../stats.ts";
import { edit } from "../workshop.ts";

const count = 10;
const runs = 5;
/** The whole new group at once, one switch, and no time spent on purpose. */
const rollout = ["strategy: blue-green", "bake: 0s", "keepWarm: 0s", "drain: 5s"];

/** From the request until all traffic is on ten new servers that have each answered through the router. */
export const replaceCase: Case = {
  name: "replace",
  about: `${count} servers replaced, all new ones at once, each proven by HTTP before it gets traffic`,
  async run(workshop) {
    await using fleet = await openFleet(workshop, { count, rollout });
    const replaced = await repeat(runs, () => replaceByRequest(fleet));
    const edited = await repeat(runs, (round) => editAndDeploy(fleet, round));
    return [
      figure(
        `replace ${count} servers`,
        "ms",
        1500,
        replaced.map((r) => r.servedMs),
      ),
      figure(
        `replace ${count} servers, rollout complete`,
        "ms",
        undefined,
        replaced.map((r) => r.completeMs),
      ),
      figure(
        `edit one file, ${count} new servers serve`,
        "ms",
        2500,
        edited.map((r) => r.servedMs),
      ),
      figure(
        "edit one file, `kiln deploy` done",
        "ms",
        undefined,
        edited.map((r) => r.completeMs),
      ),
    ];
  },
};

interface Replaced {
  readonly servedMs: number;
  readonly completeMs: number;
}

async function replaceByRequest(fleet: Fleet): Promise<Replaced> {
  const request = await fleet.newRelease();
  return replace(fleet, async () => {
    const accepted = await fleet.client.deploy(request);
    return { release: accepted.release, completed: fleet.complete(accepted) };
  });
}

async function editAndDeploy(fleet: Fleet, round: number): Promise<Replaced> {
  const { installation, folder } = fleet.bench;
  const status = await fleet.client.status({ service });
  const release = (status?.serving?.number ?? 0) + 1;
  await edit(fleet.bench, "site/index.html", page(`${round}th`));
  return replace(fleet, async () => ({ release, completed: installation.ok(["deploy"], { cwd: folder }) }));
}

async function replace(
  fleet: Fleet,
  begin: () => Promise<{ readonly release: number; readonly completed: Promise<unknown> }>,
): Promise<Replaced> {
  using load = await watchers(fleet);
  const beganAtMs = preciseNowMs();
  const { release, completed } = await begin();
  const ended = completed.then(preciseNowMs);
  const [seen, endedAtMs] = await Promise.all([seeChange(fleet, load, release), ended]);
  await untilAlone(fleet, release);
  return {
    servedMs: Math.max(seen.movedAtMs, seen.allServedAtMs) - beganAtMs,
    completeMs: endedAtMs - beganAtMs,
  };
}
