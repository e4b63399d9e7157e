import type { Finding } from "../../domain/drift.ts";
import type { DriftWatch, Tier } from "../../drift/drift-watch.ts";
import type { Gap } from "../../drift/gap.ts";

interface FakeDriftWatch extends DriftWatch {
  find(finding: Finding): void;
  seeBy(tier: Tier, reason: string): void;
  miss(gap: Gap): void;
  /** As if someone had removed this image file's immutable flag. */
  restore(file: string): void;
}

/** A watch that finds what the test says. */
export function fakeDriftWatch(): FakeDriftWatch {
  const found: Finding[] = [];
  const findings = callbacks<[Finding]>();
  const tiers = callbacks<[Tier, string]>();
  const restored = callbacks<[string]>();
  const gaps = callbacks<[Gap]>();
  return {
    watch: findings.add,
    watchTier: tiers.add,
    watchProtection: restored.add,
    watchGap: gaps.add,
    findings: () => found,
    tier: () => "scan",
    inspect: async () => found,
    [Symbol.asyncDispose]: async () => {},
    find(finding) {
      found.push(finding);
      findings.tell(finding);
    },
    seeBy: tiers.tell,
    miss: gaps.tell,
    restore: restored.tell,
  };
}

function callbacks<Args extends readonly unknown[]>() {
  const all = new Set<(...args: Args) => void>();
  return {
    tell: (...args: Args) => {
      for (const callback of all) callback(...args);
    },
    add(callback: (...args: Args) => void): Disposable {
      const own = (...args: Args) => callback(...args);
      all.add(own);
      return { [Symbol.dispose]: () => void all.delete(own) };
    },
  };
}
