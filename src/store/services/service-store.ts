import type { Asker } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import type { RolloutPolicy } from "../../domain/spec/rollout-policy.ts";
import type { UpkeepPolicy } from "../../domain/spec/upkeep-policy.ts";
import type { TargetName } from "../../domain/target.ts";
import type { Workbench } from "../workbench.ts";
import { selectAllDesired, selectDesired } from "./desired.ts";
import { markRemoved, setCount, setPolicy, setUpkeep } from "./manage.ts";
import { selectService } from "./services.ts";

/** What is desired of services. */
export interface ServiceStore {
  /** What is desired of the service; undefined when there is none of that name. */
  desired(service: ServiceKey): DesiredService | undefined;
  desiredAll(): readonly DesiredService[];
  /** How the service was last asked to be rolled out. */
  policy(service: ServiceKey): RolloutPolicy | undefined;
  /** Where the service is; undefined when there is none of that name. */
  targetOf(service: ServiceKey): TargetName | undefined;
  /** Returns the count before. Throws `service_unknown`, `service_removing`. */
  setCount(service: ServiceKey, count: number, by: Asker): number;
  /** For a deploy that changes nothing else. Throws `service_unknown`, `service_removing`. */
  setPolicy(service: ServiceKey, policy: RolloutPolicy, by: Asker): void;
  /** The same for what is done about its servers. */
  setUpkeep(service: ServiceKey, upkeep: UpkeepPolicy, by: Asker): void;
  /** Nothing of the service shall be left. A running rollout ends. Repeating it is fine. Throws `service_unknown`. */
  markRemoved(service: ServiceKey, by: Asker): void;
}

export function serviceStore(bench: Workbench): ServiceStore {
  const { db } = bench;
  return {
    desired: (service) => selectDesired(db, service),
    desiredAll: () => selectAllDesired(db),
    policy: (service) => selectService(db, service)?.policy,
    targetOf: (service) => selectService(db, service)?.target,
    setCount: (service, count, by) => db.transaction(() => setCount(bench, service, count, by)),
    setPolicy: (service, policy, by) => db.transaction(() => setPolicy(bench, service, policy, by)),
    setUpkeep: (service, upkeep, by) => db.transaction(() => setUpkeep(bench, service, upkeep, by)),
    markRemoved: (service, by) => db.transaction(() => markRemoved(bench, service, by)),
  };
}
