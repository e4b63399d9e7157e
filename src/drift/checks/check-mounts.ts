import { mountLines, parseMountLine } from "../../lib/files/mount-table.ts";
import { readIfThere } from "../../lib/process/proc.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { Check, Difference } from "./check.ts";

/** Compares the mount table of each server with the one it was made with. */
export function createMountCheck(): Check {
  /** The text that was last found to be right: taking it apart costs more than reading it. */
  const right = new WeakMap<Subject, string>();
  return (subject) => {
    const text = readIfThere(`/proc/${subject.process.pid}/mountinfo`);
    if (text === undefined || text === "" || right.get(subject) === text) return [];
    const differences = mountDifferences(subject.baseline.mounts, mountLines(text));
    if (differences.length === 0) right.set(subject, text);
    return differences;
  };
}

/** Both as `mountLines` gives them. The same line twice is two mounts. */
export function mountDifferences(before: readonly string[], now: readonly string[]): readonly Difference[] {
  const added = without(now, before).map(parseMountLine);
  const gone = without(before, now).map(parseMountLine);
  const changed = new Set(
    added.map(({ point }) => point).filter((point) => gone.some((g) => g.point === point)),
  );
  return [
    ...added.map(({ point, type, source, options }) => {
      const how = changed.has(point) ? "is mounted in another way" : "is mounted";
      return {
        kind: "mount" as const,
        subject: point,
        detail: `${point} ${how}: ${type} from ${source} (${options})`,
      };
    }),
    ...gone
      .filter(({ point }) => !changed.has(point))
      .map(({ point, type }) => {
        return {
          kind: "mount" as const,
          subject: point,
          detail: `${point} is no longer mounted: it was ${type}`,
        };
      }),
  ];
}

/** What `all` has more often than `others`. */
function without(all: readonly string[], others: readonly string[]): readonly string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return all.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}
