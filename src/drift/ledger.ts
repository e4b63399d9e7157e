import type { Finding } from "../domain/drift/drift.ts";
import type { ServerId } from "../domain/ids.ts";
import { isAlive, type ProcessRef } from "../lib/process/proc.ts";
import type { Clock } from "../lib/time/clock.ts";
import type { Inspector, Subject } from "../platform/linux/subject.ts";
import type { Difference } from "./checks/check.ts";
import { culpritText } from "./checks/culprit.ts";

/** The most findings of one kind on one server: a visitor who starts a thousand processes is found by the first. */
const mostOfAKind = 20;

interface Known {
  readonly process: ProcessRef;
  readonly findings: Map<string, Finding>;
}

/** All findings about present servers, each reported once. */
export interface Ledger {
  note(subject: Subject, difference: Difference, seenBy: string): void;
  /** A full place may have room again; all else that was found stays found. */
  withdrawFull(server: ServerId, stillFull: ReadonlySet<string>): void;
  /** Oldest first. */
  findings(): readonly Finding[];
  /** Forgets the findings about servers that have ended; a frozen server has not ended. */
  forgetEnded(): void;
}

export function createLedger(inspector: Inspector, clock: Clock, found: (finding: Finding) => void): Ledger {
  const byServer = new Map<ServerId, Known>();

  /** What looks like a difference may be a server's end: its files vanish one by one. */
  function isThere(subject: Subject): boolean {
    return inspector.subjects().includes(subject) && isAlive(subject.process);
  }

  return {
    note(subject, { kind, subject: what, detail, culprit }, seenBy) {
      const { server, service, release, process } = subject;
      const known = byServer.get(server) ?? { process, findings: new Map() };
      const key = `${kind} ${what}`;
      if (known.findings.has(key) || countOf(known, kind) >= mostOfAKind || !isThere(subject)) return;
      const where = { server, service, release };
      const who = culprit && culpritText(culprit);
      const finding = { ...where, kind, subject: what, detail, atMs: clock.now(), who, seenBy };
      known.findings.set(key, finding);
      byServer.set(server, known);
      found(finding);
    },
    withdrawFull(server, stillFull) {
      const findings = byServer.get(server)?.findings ?? new Map<string, Finding>();
      for (const [key, { kind, subject }] of findings)
        if (kind === "full" && !stillFull.has(subject)) findings.delete(key);
    },
    findings: () =>
      [...byServer.values()]
        .flatMap(({ findings }) => [...findings.values()])
        .toSorted((a, b) => a.atMs - b.atMs),
    forgetEnded() {
      for (const [server, { process }] of byServer) if (!isAlive(process)) byServer.delete(server);
    },
  };
}

function countOf({ findings }: Known, kind: string): number {
  return findings.values().reduce((count, finding) => count + (finding.kind === kind ? 1 : 0), 0);
}
