import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startAuditor } from "../../src/controller/audit/auditor.ts";
import { anAsker } from "../../src/domain/testing.ts";
import { silentLog } from "../../src/lib/log.ts";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { systemClock } from "../../src/lib/time/clock.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { kilnPath } from "../../test/e2e/harness.ts";
import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { usageOf } from "../process-stats.ts";
import { repeat, timed } from "../stats.ts";

const events = 1_000_000;
/** As the controller signs them. */
const eventsPerCheckpoint = 1_000;

export const auditCase: Case = {
  name: "audit",
  about: "`kiln audit verify` of a log of a million events, and a controller's look at its end",
  async run(workshop) {
    const home = join(workshop.folder, "audit");
    await mkdir(home);
    workshop.say("writing a million events ...");
    await writeLog(home);
    const runs: Run[] = [];
    for (let run = 0; run < 3; run++) runs.push(await verify(home));
    const memory = runs.map(({ residentBytes }) => residentBytes / 1024 ** 2);
    const tookMs = runs.map((run) => run.tookMs);
    return [
      figure("kiln audit verify, 1,000,000 events", "ms", 20_000, tookMs, "process start included"),
      figure("kiln audit verify, 1,000,000 events: memory", "MiB", undefined, memory, "resident, at most"),
      figure("look at the log at a controller's start", "ms", 50, await repeat(5, () => look(home))),
    ];
  },
};

interface Run {
  readonly tookMs: number;
  /** The most that was seen. */
  readonly residentBytes: number;
}

/** The command as a user runs it. Throws unless it finds the log whole. */
async function verify(home: string): Promise<Run> {
  const child = spawn(kilnPath, ["audit", "verify"], {
    env: { PATH: process.env.PATH, KILN_HOME: home },
    stdio: "ignore",
  });
  let residentBytes = 0;
  const watching = setInterval(() => {
    if (child.pid !== undefined) residentBytes = Math.max(residentBytes, usageOf([child.pid]).residentBytes);
  }, 100);
  try {
    let code: unknown;
    const tookMs = await timed(async () => {
      [code] = await once(child, "close");
    });
    if (code !== 0) throw new Error(`kiln audit verify exited with ${code}`);
    return { tookMs, residentBytes };
  } finally {
    clearInterval(watching);
  }
}

function openLog(home: string): {
  readonly store: Store;
  readonly start: () => ReturnType<typeof startAuditor>;
} {
  const state = openStateFolder({ KILN_HOME: home });
  const store = openStore(state.database, { clock: systemClock });
  const paths = { keyPath: state.auditKey, checkpointPath: state.auditCheckpoint };
  return { store, start: () => startAuditor({ store, clock: systemClock, log: silentLog, ...paths }) };
}

async function writeLog(home: string): Promise<void> {
  const { store, start } = openLog(home);
  using _store = store;
  const auditor = start();
  const news = Array.from({ length: eventsPerCheckpoint }, (_, i) => ({
    service: `service-${i % 50}`,
    kind: "server.ready" as const,
    message: `service-${i % 50}-7-${i}-1 is ready`,
    data: { server: `service-${i % 50}-7-${i}-1`, release: 7 },
  }));
  for (let written = 0; written < events; written += eventsPerCheckpoint) {
    store.recordServers(news, []);
    await auditor.checkpoint({}, anAsker());
  }
  await auditor.close();
}

async function look(home: string): Promise<number> {
  const { store, start } = openLog(home);
  using _store = store;
  let auditor: ReturnType<typeof start> | undefined;
  const tookMs = await timed(() => {
    auditor = start();
  });
  await auditor?.close();
  return tookMs;
}
