import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { markOf } from "../../lib/files/file-mark.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { Check, Difference } from "./check.ts";

/** Compares the files of each server's bundle with what they held; one that stat(2) finds untouched is not read again. */
export function createBundleCheck(): Check {
  const marks = new WeakMap<Subject, Map<string, string>>();
  return (subject) => {
    const known = marks.get(subject) ?? new Map<string, string>();
    marks.set(subject, known);
    return subject.baseline.bundle.flatMap(({ file, sha256 }): readonly Difference[] => {
      const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
      if (!stat) return [{ kind: "bundle", subject: basename(file), detail: `${file} is gone` }];
      const mark = markOf(stat);
      if (known.get(file) === mark) return [];
      if (!stat.isFile() || digestOf(readFileSync(file)) !== sha256) {
        return [{ kind: "bundle", subject: basename(file), detail: `${file} was altered` }];
      }
      known.set(file, mark);
      return [];
    });
  };
}
