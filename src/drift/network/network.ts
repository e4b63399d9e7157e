import { toKilnError } from "../../lib/errors.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import { culpritOf } from "../checks/culprit.ts";
import type { DetectorParts } from "../checks/detector.ts";
import { lookAtFilters, lookAtRules } from "./network-inside.ts";
import { createSocketSearch, holderOf } from "./network-sockets.ts";
import { hasItsNamespace, networkDifferences } from "./network-state.ts";

/** Between two whole looks at one server; each waits between half and one and a half of it. The kernel goes through the machine's whole table of connections for each look. */
const periodMs = 20 * 60_000;
const turnMs = 2_000;
/** What /proc shows of addresses, routes, links and the like is compared on so many turns once: each minute. */
const stateTurns = 30;
/** Every user who may make namespaces can raise suspicion, and must not keep this process busy. */
const suspectMs = 60_000;
/** A process that changes something is done when so long nothing was heard of it; one that continues is not waited for longer than that. */
const settleMs = { quiet: 1_000, most: 5_000 };
/** Lines that the kernel reports in quick succession lead to one look. */
const changedMs = 50;
/** A socket without a visible holder is looked up this many more times: it may have been handed on, or closed, meanwhile. */
const moreLooks = 2;
const againMs = 500;

type Part = typeof lookAtFilters;
const everyPart: readonly Part[] = [lookAtFilters, lookAtRules];

export interface NetworkCheck extends AsyncDisposable {
  /** Looks at everything in the network namespaces of all servers now. */
  all(signal: AbortSignal): Promise<void>;
  /** Something may have been left in this server's namespace, or in any: looks within seconds, but at most once a minute. */
  suspect(subject?: Subject): void;
  /** Something that /proc shows has changed there: looks at that at once. */
  changed(subject: Subject): void;
}

export interface NetworkCheckParts extends DetectorParts {
  readonly random?: () => number;
}

/**
 * Looks for what a visitor has left in servers' network namespaces: what /proc shows of it each minute, sockets that wait
 * for others and belong to no process of the server, packet filters and routing rules slowly, one server after the other.
 */
export function startNetworkCheck(parts: NetworkCheckParts): NetworkCheck {
  const { inspector, clock, log, tell, random = Math.random } = parts;
  const stop = new AbortController();
  const due = new WeakMap<Subject, number>();
  const sockets = createSocketSearch();
  /** When a visitor was first and last suspected of leaving something, until the next look; and when a suspicion last caused a look. */
  const suspected = new WeakMap<Subject, { readonly firstMs: number; readonly lastMs: number }>();
  const suspicious = new WeakMap<Subject, number>();
  const changing = new Set<Subject>();
  let turn = 0;

  const next = () => clock.elapsed() + periodMs * (0.5 + random());

  async function look(subject: Subject, parts: readonly Part[], signal: AbortSignal): Promise<void> {
    due.set(subject, next());
    if (subject.network === undefined) return; // what belongs there is not known
    lookAtState(subject);
    await lookAtSockets(subject, signal);
    for (const part of parts) {
      if (!hasItsNamespace(subject)) return;
      const inside = await part(subject, signal);
      for (const difference of hasItsNamespace(subject) ? inside : []) tell(subject, difference);
    }
  }

  function lookAtState(subject: Subject): void {
    for (const difference of networkDifferences(subject)) tell(subject, difference);
  }

  async function lookAtSockets(subject: Subject, signal: AbortSignal): Promise<void> {
    let left = await sockets.notHeld(subject, signal);
    for (let looks = 0; looks < moreLooks && left.length > 0; looks += 1) {
      await clock.sleep(againMs, signal);
      const now = new Set((await sockets.notHeld(subject, signal)).map(({ inode }) => inode));
      left = left.filter(({ inode }) => now.has(inode));
    }
    if (!hasItsNamespace(subject)) return;
    for (const { inode, what } of left) {
      const holder = await holderOf(inode, signal);
      const culprit = holder === undefined ? undefined : culpritOf(holder);
      const by = culprit ? `pid ${culprit.pid} (${culprit.name})` : "a process that cannot be seen";
      const detail = `a socket in its network namespace (${what}) is held by ${by}, not by its own processes`;
      tell(subject, { kind: "network", subject: what, detail, culprit });
    }
  }

  async function lookAll(signal: AbortSignal, subjects: Iterable<Subject>, parts = everyPart): Promise<void> {
    for (const subject of subjects) {
      if (signal.aborted) return;
      await look(subject, parts, signal).catch((error) => {
        const { message } = toKilnError(error);
        if (!signal.aborted && inspector.subjects().includes(subject))
          log.warn({ server: subject.server, error: message }, "a network could not be looked at");
      });
    }
  }

  function isDue(subject: Subject): boolean {
    if (!due.has(subject)) due.set(subject, next());
    return (due.get(subject) ?? 0) <= clock.elapsed();
  }

  function isSuspected(subject: Subject): boolean {
    const now = clock.elapsed();
    const suspicion = suspected.get(subject);
    if (suspicion === undefined) return false;
    const { firstMs, lastMs } = suspicion;
    const isSettled = now - lastMs >= settleMs.quiet || now - firstMs >= settleMs.most;
    const lookedMs = suspicious.get(subject) ?? Number.NEGATIVE_INFINITY;
    return isSettled && now - lookedMs >= suspectMs;
  }

  /** Clears all suspicion about these servers. */
  function takeSuspects(): readonly Subject[] {
    const suspects = inspector.subjects().filter(isSuspected);
    for (const subject of suspects) {
      suspicious.set(subject, clock.elapsed());
      suspected.delete(subject);
    }
    return suspects;
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await lookAll(stop.signal, takeSuspects());
      await lookAll(stop.signal, inspector.subjects().filter(isDue), [lookAtFilters]);
      for (const [index, subject] of inspector.subjects().entries())
        if (index % stateTurns === turn % stateTurns) lookAtState(subject);
      turn += 1;
      await clock.sleep(turnMs, stop.signal).catch(() => {});
    }
  }
  const running = run();

  return {
    all: (signal) => lookAll(AbortSignal.any([signal, stop.signal]), inspector.subjects()),
    suspect(subject) {
      const lastMs = clock.elapsed();
      for (const each of subject ? [subject] : inspector.subjects())
        suspected.set(each, { firstMs: suspected.get(each)?.firstMs ?? lastMs, lastMs });
    },
    changed(subject) {
      if (changing.has(subject)) return;
      changing.add(subject);
      clock
        .sleep(changedMs, stop.signal)
        .then(() => lookAtState(subject))
        .catch(() => {})
        .finally(() => changing.delete(subject));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
