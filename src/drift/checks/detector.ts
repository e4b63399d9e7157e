import type { DriftKind } from "../../domain/drift/drift.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Inspector, Subject } from "../../platform/linux/subject.ts";
import type { Checks } from "./checks.ts";
import type { Culprit } from "./culprit.ts";

/** One difference between a server and its release. */
export interface Difference {
  readonly kind: DriftKind;
  readonly subject: string;
  readonly detail: string;
  readonly culprit?: Culprit | undefined;
}

/** What every detector is given. */
export interface DetectorParts {
  readonly inspector: Inspector;
  readonly checks: Checks;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes a finding; reporting the same finding again is fine. Findings about a server on its way out are dropped there. */
  readonly tell: (subject: Subject, difference: Difference) => void;
}

/** Looks at one thing on one server, at once and from the kernel's files; what it may cost is tens of microseconds. */
export type Check = (subject: Subject) => readonly Difference[];
