import type { TargetName } from "../target.ts";
import type { ImageSpec } from "./image-spec.ts";
import type { JobSpec, ScheduleSpec } from "./job-spec.ts";
import type { NetworkSpec } from "./network.ts";
import type { RolloutPolicy } from "./rollout-policy.ts";
import type { ConfigFileSpec, HealthSpec, SecretSpec, ServerShape } from "./server-shape.ts";
import type { TrafficSpec } from "./traffic-spec.ts";
import type { UpkeepPolicy } from "./upkeep-policy.ts";

/**
 * What a user asks for, validated and with units made plain: durations in milliseconds, sizes in bytes.
 * `src/spec` makes these from `kiln.yaml`.
 */

export interface ServiceSpec {
  /** Lower-case letters, digits and hyphens; a letter first; at most 32 characters. */
  readonly service: string;
  /** The environment it was merged for (`--env`), if any. */
  readonly environment: string | undefined;
  /** Where it runs. */
  readonly target: TargetName;
  readonly image: ImageSpec;
  /** How many servers. Not part of a release: changing only this scales. */
  readonly count: number;
  readonly shape: ServerShape;
  /** What `TZ` of the shape says, where the image must have that zone. A build checks it. */
  readonly timeZone?: string | undefined;
  /** What `LANG` of the shape says, where the image must have that locale. A build checks it. */
  readonly locale?: string | undefined;
  /** Each name once. Which version of a secret servers get, the controller decides when it makes a release. */
  readonly secrets: readonly SecretSpec[];
  readonly files: readonly ConfigFileSpec[];
  readonly health: HealthSpec;
  /** Absent: the service takes no traffic from the router. */
  readonly traffic: TrafficSpec | undefined;
  readonly rollout: RolloutPolicy;
  readonly upkeep: UpkeepPolicy;
  readonly jobs: readonly JobSpec[];
  /** Absent: none. */
  readonly schedules?: readonly ScheduleSpec[] | undefined;
  /** Absent: all services of the same environment reach it. */
  readonly network?: NetworkSpec | undefined;
  /** Names of services that must serve before its rollout begins, where several are deployed at once. Absent: none. */
  readonly after?: readonly string[] | undefined;
  /** Environments that its image climbs, from the lowest. Absent: none. */
  readonly ladder?: readonly string[] | undefined;
}
