import type { ServerShape } from "../../../domain/spec/server-shape.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { FoundQuota } from "../view/answers.ts";

/**
 * Throws `quota_exceeded` when so many more servers would not fit into the namespace's quotas. The cluster refuses each pod on its own, and
 * tries again for a quarter of an hour.
 */
export function requireRoom(quotas: readonly FoundQuota[], shape: ServerShape, more: number): void {
  if (more <= 0) return;
  for (const { metadata, spec, status } of quotas) {
    if (spec.scopes.length > 0 || spec.scopeSelector !== undefined) continue; // for pods of another kind than ours, as a rule
    for (const [what, limit] of Object.entries(status.hard)) {
      const each = eachOf(what, shape);
      if (each === 0) continue;
      const used = amountOf(status.used[what] ?? "0");
      if (each !== undefined && used + each * more <= amountOf(limit)) continue;
      throw new KilnError(
        "quota_exceeded",
        reasonOf(metadata.name, what, limit, status.used[what] ?? "0", more, each),
        {
          hint:
            each === undefined
              ? `Set \`servers.${what.endsWith("cpu") ? "cpus" : "memory"}\` in kiln.yaml: the quota demands it.`
              : "Raise the quota, lower `count`, or choose a strategy with a smaller surge.",
        },
      );
    }
  }
}

function reasonOf(
  name: string,
  what: string,
  limit: string,
  used: string,
  more: number,
  each: number | undefined,
): string {
  if (each === undefined)
    return `The quota ${name} limits ${what}, and the servers do not say how much they need.`;
  return `The quota ${name} allows ${limit} of ${what}: ${used} are used, and ${more} more servers do not fit.`;
}

/** What one server takes of a resource that quotas count; 0 for what it takes nothing of, undefined for what it has to state. */
function eachOf(what: string, { memoryBytes, cpus }: ServerShape): number | undefined {
  if (what === "pods" || what === "count/pods") return 1;
  if (/^((requests|limits)\.)?cpu$/.test(what)) return cpus;
  if (/^((requests|limits)\.)?memory$/.test(what)) return memoryBytes;
  return 0;
}

const suffixes: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** A quantity: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
export function amountOf(text: string): number {
  const [, number = "", suffix = ""] = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  return number === "" ? Number.NaN : Number(number) * (suffixes[suffix] ?? Number.NaN);
}
