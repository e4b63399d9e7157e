import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Inspector, Subject } from "../../platform/linux/subject.ts";
import type { Difference } from "./check.ts";
import type { Checks } from "./checks.ts";

/** What every detector is given. */
export interface DetectorParts {
  readonly inspector: Inspector;
  readonly checks: Checks;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes a finding; reporting the same finding again is fine. Findings about a server on its way out are dropped there. */
  readonly tell: (subject: Subject, difference: Difference) => void;
}
