import { setTimeout as sleep } from "node:timers/promises";
import { waitUntil } from "../../test/e2e/harness.ts";
import type { Case } from "../case.ts";
import { type Figure, figure } from "../figure.ts";
import { type Fleet, openFleet } from "../fleet.ts";
import { type Answer, startLoad } from "../load.ts";
import { service } from "../projects.ts";

const rollout = ["bake: 0s", "keepWarm: 1m", "drain: 5s"];
const rounds = 3;
/** Losses often come a moment after what caused them. */
const afterMs = 1000;

export const lostCase: Case = {
  name: "lost",
  about: "requests that were not answered while everything around them changes",
  async run(workshop) {
    await using fleet = await openFleet(workshop, { count: 3, rollout });
    const { installation, folder } = fleet.bench;
    const deploy = async () => fleet.complete(await fleet.client.deploy(await fleet.newRelease()));
    return [
      await under(fleet, "a rolling deploy", deploy),
      await under(fleet, "a rollback", async () => {
        await fleet.complete(await fleet.client.rollback({ service }));
        await deploy();
      }),
      await under(fleet, "a restart of the controller", async () => {
        await installation.ok(["controller", "stop"]);
        await installation.ok(["controller", "start"]);
      }),
      await under(fleet, "kill -9 of the controller during a deploy", () => killDuringDeploy(fleet)),
      await under(fleet, "reloads of the router", async () => {
        await installation.ok(["deploy", "--env", "second"], { cwd: folder });
        await installation.ok(["remove", `${service}.second`, "--yes"]);
      }),
    ];
  },
};

async function under(fleet: Fleet, what: string, work: () => Promise<unknown>): Promise<Figure> {
  using load = await startLoad({ url: fleet.url, clients: 16, pauseMs: 4 });
  const answers: Answer[] = [];
  const lost: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await work();
    await sleep(afterMs);
    const taken = await load.take();
    lost.push(taken.filter(({ loss }) => loss !== undefined).length);
    answers.push(...taken);
  }
  const reasons = [...new Set(answers.flatMap(({ loss }) => loss ?? []))];
  const note = [`${answers.length} asked`, ...reasons].join("; ");
  return figure(`requests during ${what}`, "lost", 0, lost, note);
}

/** As soon as there is a server of the new release; the next controller finishes what this one began. */
async function killDuringDeploy(fleet: Fleet): Promise<void> {
  const { installation } = fleet.bench;
  const accepted = await fleet.client.deploy(await fleet.newRelease());
  await waitUntil(() => hasServers(fleet, accepted.release), 30_000, "the first new server is there");
  const pid = await installation.controllerPid();
  if (pid === undefined) throw new Error("no controller runs");
  process.kill(pid, "SIGKILL");
  await installation.ok(["controller", "start"]);
  await fleet.complete(accepted);
}

async function hasServers({ client }: Fleet, release: number): Promise<boolean> {
  const status = await client.status({ service });
  return status?.servers.some((s) => s.release === release && s.state !== "creating") ?? false;
}
