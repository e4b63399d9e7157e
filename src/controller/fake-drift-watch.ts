import type { Finding } from "../domain/drift.ts";
import type { DriftWatch } from "../drift/drift-watch.ts";

/** A watch that finds what the test says. */
export function fakeDriftWatch(): DriftWatch & { find(finding: Finding): void } {
  const callbacks = new Set<(finding: Finding) => void>();
  const found: Finding[] = [];
  return {
    watch(callback) {
      const own = (finding: Finding) => callback(finding);
      callbacks.add(own);
      return { [Symbol.dispose]: () => void callbacks.delete(own) };
    },
    watchTier: () => ({ [Symbol.dispose]: () => {} }),
    findings: () => found,
    tier: () => "scan",
    inspect: async () => found,
    [Symbol.asyncDispose]: async () => {},
    find(finding) {
      found.push(finding);
      for (const tell of callbacks) tell(finding);
    },
  };
}
