import { pacer } from "../../lib/time/pace.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import { missedAll, type WatchGap } from "../gap.ts";
import type { CheckName } from "./checks.ts";
import type { DetectorParts } from "./detector.ts";
import { allProcesses, judge, namespaceOwners } from "./strangers.ts";

const periodMs = 1_000;
/** While the kernel reports who enters a server, the machine's other processes are gone through in so many parts. */
const parts = 8;
/** What another detector reports at once is looked at once in so many passes: a quarter of the servers each second. */
const turns = 4;

/** A process that wakes up so much too late was stopped, or had no processor: `kill -STOP`, a debugger, a suspended machine. */
const stillMs = 2_000;

export interface Scan extends AsyncDisposable {
  /** Looks at everything on all servers, now. */
  all(): Promise<void>;
}

export interface ScanParts extends DetectorParts {
  /** Whether another detector sees at once who enters a server. */
  readonly isTraced: () => boolean;
  /** Whether another detector sees at once when this check of the server has something to see. */
  readonly isTold: (subject: Subject, name: CheckName) => boolean;
  /** Called when this process stood still: no detector saw what was done meanwhile. */
  readonly missed: (gap: WatchGap) => void;
  /** Called after each pass over all servers. */
  readonly passed: () => void;
  /** Called after each look at a server, with its writable places that are full. */
  readonly spaceSeen: (subject: Subject, full: ReadonlySet<string>) => void;
}

/** Looks at all servers once a second: slower than the kernel's events, but it sees the present state and not only what happened. */
export function startScan(scan: ScanParts): Scan {
  const { inspector, checks, clock, tell, isTraced, isTold, missed, passed, spaceSeen } = scan;
  const stop = new AbortController();
  let pass = 0;

  function one(subject: Subject, isTurn: boolean): void {
    const due = checks.names.filter((name) => isTurn || !isTold(subject, name));
    const differences = due.flatMap((name) => checks.look(subject, name));
    for (const difference of differences) tell(subject, difference);
    spaceSeen(subject, new Set(differences.filter(({ kind }) => kind === "full").map((d) => d.subject)));
  }

  /** Other work continues in between: events of the kernel are more urgent. */
  async function servers(hasTurn: (index: number) => boolean): Promise<void> {
    const pace = pacer();
    for (const [index, subject] of inspector.subjects().entries()) {
      one(subject, hasTurn(index));
      const wait = pace();
      if (wait) await wait;
    }
  }

  async function strangers(among: (pid: number) => boolean): Promise<void> {
    const subjects = inspector.subjects();
    if (subjects.length === 0) return;
    const own = new Set(subjects.flatMap((subject) => checks.members(subject)));
    const owners = namespaceOwners(subjects);
    const others = allProcesses().filter((pid) => !own.has(pid) && among(pid));
    const pace = pacer();
    for (const pid of others) {
      const judged = judge(pid, owners);
      if (judged) tell(...judged);
      const wait = pace();
      if (wait) await wait;
    }
  }

  async function all(): Promise<void> {
    await servers(() => true);
    await strangers(() => true);
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const now = pass;
      pass += 1;
      await servers((index) => index % turns === now % turns);
      await strangers((pid) => !isTraced() || pid % parts === now % parts);
      passed();
      const asleepAt = clock.elapsed();
      await clock.sleep(periodMs, stop.signal).catch(() => {});
      const ms = clock.elapsed() - asleepAt;
      if (ms > periodMs + stillMs) missed({ reason: "the controller stood still", missed: missedAll, ms });
    }
  }
  const running = run();

  return {
    all,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
