import type { Finding } from "../../domain/drift/drift.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import { viewOf } from "../../domain/plan/service-view.ts";
import { decide, situationOf } from "../../domain/plan/upkeep/drift-response.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import type { TargetName } from "../../domain/target.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { DriftSource } from "../../platform/contract/drift-source.ts";
import type { Store } from "../../store/store.ts";
import type { Quarantine } from "./quarantine.ts";

export interface ResponderOptions {
  readonly store: Store;
  readonly target: TargetName;
  /** What is desired of a service on this target. */
  readonly desired: (service: ServiceKey) => DesiredService | undefined;
  /** Stops a server before anything else is done, where that is possible. */
  readonly drift: Pick<DriftSource, "freeze"> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly loop: {
    poke(service: ServiceKey): void;
    /** What was seen last, where it still counts. */
    current(service: ServiceKey): Observation | undefined;
  };
  readonly quarantine: Quarantine;
}

/**
 * What happens when drift is found. Freezing comes first and waits for nothing; then the taint is recorded; the rest is
 * begun at once and carried on by the planner, whatever becomes of this controller.
 */
export function createResponder(options: ResponderOptions): (finding: Finding) => void {
  const { store, target, drift, clock, log, loop, quarantine } = options;
  function respond(finding: Finding): void {
    const { server, service } = finding;
    const desired = options.desired(service);
    if (desired === undefined) return;
    const situation = situationOf(desired, viewOf(loop.current(service), service), server, clock.now());
    const decision = decide(finding, situation);
    if (decision.kind === "ignore") return;
    if (decision.kind === "tell" || desired.taints.some((taint) => taint.server === server)) {
      tell(finding);
      return;
    }
    const take = decision.kind === "quarantine" && decision.wait === undefined;
    if (take) drift?.freeze?.(server);
    const { response } = desired.upkeep.drift;
    const why = decision.kind === "quarantine" ? decision.wait : undefined;
    const isNew = store.taint({ service, target, finding, response, take, why });
    if (isNew && take) quarantine(service, server);
    tell(finding);
    loop.poke(service);
  }

  function tell({ server, service, release, kind, subject, detail, who, seenBy }: Finding): void {
    const message = `${server} has drifted: ${detail}.`;
    const data = { server, release, finding: kind, subject, seenBy, ...(who ? { who } : {}) };
    store.appendEvent({ service, kind: "drift.found", message, data });
  }

  return (finding) => {
    try {
      respond(finding);
    } catch (error) {
      const { code, message } = toKilnError(error);
      log.error({ server: finding.server, code, message }, "the response to drift failed");
    }
  };
}
