import type { Finding } from "../../domain/drift/drift.ts";
import type { DriftNotice, DriftSource } from "../../platform/contract/drift-source.ts";

interface FakeDriftSource extends DriftSource {
  find(finding: Finding): void;
  notify(notice: DriftNotice): void;
}

/** A source that finds what the test says, and freezes nothing. */
export function fakeDriftSource(): FakeDriftSource {
  const found: Finding[] = [];
  const findings = callbacks<Finding>();
  const notices = callbacks<DriftNotice>();
  return {
    watch: findings.add,
    watchNotices: notices.add,
    findings: () => found,
    inspect: async () => found,
    [Symbol.asyncDispose]: async () => {},
    find(finding) {
      found.push(finding);
      findings.tell(finding);
    },
    notify: notices.tell,
  };
}

function callbacks<Told>() {
  const all = new Set<(told: Told) => void>();
  return {
    tell(told: Told): void {
      for (const callback of all) callback(told);
    },
    add(callback: (told: Told) => void): Disposable {
      const own = (told: Told) => callback(told);
      all.add(own);
      return { [Symbol.dispose]: () => void all.delete(own) };
    },
  };
}
