import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Finding } from "../../src/domain/drift/drift.ts";
import { createChecks } from "../../src/drift/checks/checks.ts";
import { type DriftWatch, startDriftWatch } from "../../src/drift/drift-watch.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemClock } from "../../src/lib/time/clock.ts";
import type { Inspector, Subject } from "../../src/platform/linux/subject.ts";
import { waitUntil } from "../../test/e2e/harness.ts";
import type { Case } from "../case.ts";
import { type Figure, figure } from "../figure.ts";
import { type Change, enter } from "../intruder.ts";
import { openLocalServers } from "../local-servers.ts";
import { usageOf } from "../process-stats.ts";
import { siteProject } from "../projects.ts";
import { repeat, timed } from "../stats.ts";
import type { Workshop } from "../workshop.ts";

const count = 100;
const windowMs = 15_000;

export const driftCase: Case = {
  name: "drift",
  about: `from a change of a server until it is found and frozen, and what looking at ${count} of them costs`,
  async run(workshop) {
    await using bench = await workshop.open(siteProject());
    await using local = await openLocalServers(bench);
    workshop.say(`creating ${count} servers ...`);
    for (let slot = 1; slot <= count; slot++) await local.create(slot);
    const { inspector } = local.host;
    const scans = scanCost(inspector);
    await using drift = startDriftWatch({ inspector, tag: local.tag, clock: systemClock, log: silentLog });
    await waitUntil(() => drift.tier() === "kernel", 10_000, "the kernel's events arrive");
    await sleep(2_000);
    return [
      figure("check one server for changes", "ms", 0.5, scans, `CPU time, as one of ${count}`),
      figure(`all detection, ${count} servers, CPU`, "% of a core", 3, await restingCost()),
      ...(await latencies(drift, inspector, workshop)),
    ];
  },
};

function scanCost(inspector: Inspector): readonly number[] {
  const checks = createChecks(silentLog);
  const pass = () => {
    for (const subject of inspector.subjects()) for (const name of checks.names) checks.look(subject, name);
  };
  pass();
  return Array.from({ length: 10 }, () => {
    const before = process.cpuUsage();
    pass();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / inspector.subjects().length;
  });
}

/** Of this process, which does nothing else meanwhile, and its children. */
function restingCost(): Promise<readonly number[]> {
  return repeat(3, async () => {
    const before = usageOf([process.pid]).cpuMs;
    const elapsed = await timed(() => sleep(windowMs));
    return ((usageOf([process.pid]).cpuMs - before) / elapsed) * 100;
  });
}

interface Seen {
  readonly foundMs: number;
  readonly frozenMs: number;
}

/** Each server is entered by a process, which the kernel's events report, and a limit of it is written to, which inotify reports. */
async function latencies(
  drift: DriftWatch,
  inspector: Inspector,
  workshop: Workshop,
): Promise<readonly Figure[]> {
  const entered: Seen[] = [];
  const limited: Seen[] = [];
  for (const subject of inspector.subjects()) {
    entered.push(await see(drift, inspector, subject, () => enter(subject.process.pid)));
    limited.push(await see(drift, inspector, subject, () => write(subject)));
  }
  const { length } = drift.findings();
  if (length !== entered.length + limited.length)
    workshop.say(`${length} findings of ${2 * entered.length} changes`);
  return [...figuresOf("a process enters a server", entered), ...figuresOf("a limit is written to", limited)];
}

function figuresOf(what: string, seen: readonly Seen[]): readonly Figure[] {
  const found = seen.map(({ foundMs }) => foundMs);
  const frozen = seen.map(({ frozenMs }) => frozenMs);
  return [
    figure(`${what} → found`, "ms", undefined, found),
    figure(`${what} → frozen`, "ms", 5, frozen),
    { ...figure(`${what} → frozen, 99 %`, "ms", 20, frozen), percentile: 0.99 },
  ];
}

function write({ cgroupFolders }: Subject): Change {
  const folder = cgroupFolders.find((path) => path.includes("/pids/")) ?? cgroupFolders[0] ?? "";
  const beganAt = performance.now();
  writeFileSync(join(folder, "pids.max"), "900");
  return { beganAt: Promise.resolve(beganAt), end: () => {} };
}

async function see(
  drift: DriftWatch,
  inspector: Inspector,
  subject: Subject,
  change: () => Change,
): Promise<Seen> {
  const done = Promise.withResolvers<readonly [number, number]>();
  using _watching = drift.watch(({ server }: Finding) => {
    if (server !== subject.server) return;
    const foundAt = performance.now();
    inspector.freeze(server);
    while (!isFrozen(subject)) {}
    done.resolve([foundAt, performance.now()]);
  });
  // What another server's thaw has set off is over by then: one change at a time is measured.
  await sleep(5 + Math.random() * 20);
  const { beganAt, end } = change();
  try {
    const [[foundAt, frozenAt], began] = await Promise.all([done.promise, beganAt]);
    return { foundMs: foundAt - began, frozenMs: frozenAt - began };
  } finally {
    end();
    inspector.thaw(subject.server);
  }
}

function isFrozen({ cgroupFolders }: Subject): boolean {
  return cgroupFolders.some((folder) => {
    for (const [name, state] of [
      ["freezer.state", "FROZEN"],
      ["cgroup.events", "frozen 1"],
    ] as const) {
      try {
        if (readFileSync(join(folder, name), "utf8").includes(state)) return true;
      } catch {}
    }
    return false;
  });
}
