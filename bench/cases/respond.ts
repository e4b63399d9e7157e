import { setTimeout as sleep } from "node:timers/promises";
import type { ServerStatus } from "../../src/controller/operations.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { waitUntil } from "../../test/e2e/harness.ts";
import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { type Fleet, openFleet } from "../fleet.ts";
import { enter } from "../intruder.ts";
import { service } from "../projects.ts";
import { repeat } from "../stats.ts";

const count = 5;
/** More within two minutes would be a burst, in which no server is taken out. */
const rounds = 10;
const limitMs = 30_000;

export const respondCase: Case = {
  name: "respond",
  about: `from a process that enters a server until it is marked, and until its replacement is begun, ${rounds} times`,
  async run(workshop) {
    await using fleet = await openFleet(workshop, { count, drifts: true });
    await untilWhole(fleet);
    const seen = await repeat(rounds, () => respond(fleet));
    return [
      figure(
        "a process enters a server → marked in the store",
        "ms",
        undefined,
        seen.map((s) => s.markedMs),
      ),
      figure(
        "a process enters a server → replacement begun",
        "ms",
        50,
        seen.map((s) => s.begunMs),
      ),
    ];
  },
};

interface Response {
  readonly markedMs: number;
  readonly begunMs: number;
}

/** Another one is entered when the one before has been replaced. */
async function respond(fleet: Fleet): Promise<Response> {
  const [victim] = await ready(fleet);
  if (victim === undefined) throw new Error("no server is ready");
  const { beganAt, end } = enter(await mainProcess(fleet, victim));
  try {
    const enteredAtMs = performance.timeOrigin + (await beganAt);
    let successor: ServerStatus | undefined;
    let marked: ServerStatus | undefined;
    await waitUntil(
      async () => {
        const all = await servers(fleet);
        marked = all.find((s) => s.id === victim.id && s.taint !== undefined) ?? marked;
        successor = all.find((s) => s.createdAtMs >= Math.floor(enteredAtMs));
        return marked !== undefined && successor !== undefined;
      },
      limitMs,
      `${victim.id} is replaced`,
    );
    await untilWhole(fleet);
    return {
      markedMs: (marked?.taint?.taintedAtMs ?? Number.NaN) - enteredAtMs,
      begunMs: (successor?.createdAtMs ?? Number.NaN) - enteredAtMs,
    };
  } finally {
    end();
  }
}

async function servers({ client }: Fleet): Promise<readonly ServerStatus[]> {
  const status = await client.status({ service });
  return status?.servers ?? [];
}

async function ready(fleet: Fleet): Promise<readonly ServerStatus[]> {
  return (await servers(fleet)).filter((s) => s.state === "ready" && s.inTraffic);
}

async function untilWhole(fleet: Fleet): Promise<void> {
  const isWhole = async () =>
    (await servers(fleet)).length === count && (await ready(fleet)).length === count;
  await waitUntil(isWhole, limitMs, `${count} servers serve`);
  await sleep(500); // what the replacement has set off is over by then
}

async function mainProcess({ bench }: Fleet, { id }: ServerStatus): Promise<number> {
  const root = `${bench.installation.home}/servers/.host/runc`;
  const { stdout } = await exec(["runc", `--root=${root}`, "state", id]);
  return (JSON.parse(stdout) as { readonly pid: number }).pid;
}
