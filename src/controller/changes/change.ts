import type { ImageDigest, ServiceKey } from "../../domain/ids.ts";
import type { TargetName } from "../../domain/target.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Store } from "../../store/store.ts";
import type { Images } from "../images/images.ts";
import type { Targets } from "../targets/targets.ts";

/** What changes need to be checked, planned and recorded. */
export interface ChangeParts {
  readonly store: Store;
  readonly targets: Targets;
  readonly images: Images;
  readonly clock: Clock;
  readonly call: () => Call;
}

/** A change of a service that someone asks for. Once it is recorded, the loop carries it out. */
export interface Change<Result> {
  readonly service: ServiceKey;
  /** Where a new service is to run. Absent: on `local`. */
  readonly target?: TargetName | undefined;
  /** Of a move: the target that the service comes to, which is the one that the change is about. */
  readonly to?: TargetName | undefined;
  /** What it changes, one sentence each. Absent: found by comparing releases and settings. */
  readonly changes?: readonly string[];
  /** What people have to do themselves, one sentence each. Absent: nothing. */
  readonly byHand?: readonly string[];
  /** Throws what stands against it, and changes nothing. Absent: only `record` can refuse. */
  readonly check?: () => Promise<void>;
  /** Brought to where servers are made before the change is recorded. Absent: no image is needed. */
  readonly image?: ImageDigest;
  /** Policies may refuse to let it begin. Absent: they are not asked. */
  readonly refusable?: true;
  /** Records it in this store, or throws. It does not wait, so that nothing else changes the store meanwhile. */
  readonly record: (store: Store, how: Recording) => Result;
}

export interface Recording {
  /** For a plan: what policies refuse is recorded as refused, and not thrown. */
  readonly rehearsed: boolean;
  /** The digest of the plan, which approvals are about. Absent: not known. */
  readonly plan?: string | undefined;
}
