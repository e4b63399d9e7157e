import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { type Fleet, openFleet } from "../fleet.ts";
import { findProcesses, type Usage, usageOf } from "../process-stats.ts";
import { repeat } from "../stats.ts";

export const count = 100;
export const windowMs = 15_000;
const settleMs = 10_000;

/** The names of what is measured, for peers as well. */
export const atRest = {
  memory: `controller at rest, ${count} servers, memory`,
  cpu: `controller at rest, ${count} servers, CPU`,
};

export const restCase: Case = {
  name: "rest",
  about: `what the controller uses while ${count} servers serve and nothing is asked of it`,
  async run(workshop) {
    workshop.say(`deploying ${count} servers ...`);
    await using fleet = await openFleet(workshop, { count });
    const controller = await fleet.bench.installation.controllerPid();
    if (controller === undefined) throw new Error("no controller runs");
    await sleep(settleMs);
    const router = findProcesses(`${fleet.bench.installation.home}/router/haproxy.cfg`);
    const windows = await repeat(3, () => measureWindow([controller], router));
    return [
      figure(
        atRest.memory,
        "MiB",
        120,
        windows.map((w) => w.memoryMiB),
      ),
      figure(
        atRest.cpu,
        "% of a core",
        3,
        windows.map((w) => w.cpu),
      ),
      figure(
        "router next to it, CPU",
        "% of a core",
        undefined,
        windows.map((w) => w.routerCpu),
      ),
      await startAgain(fleet),
    ];
  },
};

/** CPU time counts what ended child processes have used, too. */
async function measureWindow(controller: readonly number[], router: readonly number[]) {
  const look = () => ({
    // The router is a child of the controller that started it, and continues to serve without it.
    controller: difference(usageOf(controller), usageOf(router)),
    router: usageOf(router),
    at: performance.now(),
  });
  const before = look();
  await sleep(windowMs);
  const after = look();
  const share = (who: "controller" | "router") =>
    ((after[who].cpuMs - before[who].cpuMs) / (after.at - before.at)) * 100;
  return {
    memoryMiB: after.controller.residentBytes / 2 ** 20,
    cpu: share("controller"),
    routerCpu: share("router"),
  };
}

function difference(all: Usage, part: Usage): Usage {
  return { cpuMs: all.cpuMs - part.cpuMs, residentBytes: all.residentBytes - part.residentBytes };
}

/** A controller that has ended: until a new one has adopted all servers and answers. */
async function startAgain(fleet: Fleet) {
  const { installation } = fleet.bench;
  const samples = await repeat(3, async () => {
    await installation.ok(["controller", "stop"]);
    const beganAt = performance.now();
    await installation.ok(["status"]);
    return performance.now() - beganAt;
  });
  return figure(`kiln status starting a controller, ${count} servers`, "ms", undefined, samples);
}
