import { pacer } from "../lib/pace.ts";
import type { Subject } from "../platform/platform.ts";
import type { DetectorParts } from "./detector.ts";
import { allProcesses, judge, namespaceOwners } from "./strangers.ts";

const periodMs = 1_000;
/** While the kernel tells who enters a server, the machine's other processes are gone through in so many parts. */
const parts = 8;

export interface Scan extends AsyncDisposable {
  /** Looks at everything on all servers, now. */
  all(): Promise<void>;
}

export interface ScanParts extends DetectorParts {
  /** Whether somebody else sees at once who enters a server. */
  readonly isTraced: () => boolean;
  /** Called after each pass over all servers. */
  readonly passed: () => void;
  /** Called after a server was looked at with those of its places that are full. */
  readonly spaceSeen: (subject: Subject, full: ReadonlySet<string>) => void;
}

/** Looks at all servers once a second: slower than the kernel's events, but at what is and not at what happened. */
export function startScan({ sight, checks, clock, tell, isTraced, passed, spaceSeen }: ScanParts): Scan {
  const stop = new AbortController();
  let pass = 0;

  function one(subject: Subject): void {
    const differences = checks.names.flatMap((name) => checks.look(subject, name));
    for (const difference of differences) tell(subject, difference);
    spaceSeen(subject, new Set(differences.filter(({ kind }) => kind === "full").map((d) => d.subject)));
  }

  /** Other work goes on in between: events of the kernel are more urgent. */
  async function servers(): Promise<void> {
    const pace = pacer();
    for (const subject of sight.subjects()) {
      one(subject);
      const wait = pace();
      if (wait) await wait;
    }
  }

  async function strangers(among: (pid: number) => boolean): Promise<void> {
    const subjects = sight.subjects();
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
    await servers();
    await strangers(() => true);
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const part = pass % parts;
      pass += 1;
      await servers();
      await strangers((pid) => !isTraced() || pid % parts === part);
      passed();
      await clock.sleep(periodMs, stop.signal).catch(() => {});
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
