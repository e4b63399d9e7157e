import { statfsSync } from "node:fs";
import { parseMountLine } from "../../lib/files/mount-table.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { Check } from "./check.ts";

/** Writable memory of a server that has no room left for a byte or a file. */
export function createSpaceCheck(): Check {
  const points = new WeakMap<Subject, readonly string[]>();
  return (subject) => {
    const writable = points.get(subject) ?? writablePoints(subject);
    points.set(subject, writable);
    return writable
      .filter((point) => isFull(`/proc/${subject.process.pid}/root${point}`))
      .map((point) => ({ kind: "full", subject: point, detail: `${point} is full` }));
  };
}

function writablePoints({ baseline }: Subject): readonly string[] {
  return baseline.mounts
    .map(parseMountLine)
    .filter(({ type, options }) => type === "tmpfs" && options.includes("rw"))
    .map(({ point }) => point);
}

function isFull(path: string): boolean {
  try {
    const { bavail, ffree, blocks } = statfsSync(path);
    return blocks > 0 && (bavail === 0 || ffree === 0);
  } catch {
    return false; // the server has just ended
  }
}
