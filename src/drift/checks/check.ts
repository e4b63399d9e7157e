import type { DriftKind } from "../../domain/drift/drift.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { Culprit } from "./culprit.ts";

/** One difference between a server and its release. */
export interface Difference {
  readonly kind: DriftKind;
  readonly subject: string;
  readonly detail: string;
  readonly culprit?: Culprit | undefined;
}

/** Looks at one thing on one server, at once and from the kernel's files; what it may cost is tens of microseconds. */
export type Check = (subject: Subject) => readonly Difference[];
