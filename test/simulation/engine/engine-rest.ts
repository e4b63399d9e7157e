import type { ServiceKey } from "../../../src/domain/ids.ts";
import type { Observation } from "../../../src/domain/observation.ts";
import { planService } from "../../../src/domain/plan/plan.ts";
import { viewOf } from "../../../src/domain/plan/service-view.ts";
import type { DesiredService } from "../../../src/domain/rollout/rollout.ts";
import type { Store } from "../../../src/store/store.ts";
import { restless } from "../nature.ts";
import type { Engine } from "./engine.ts";

/** What is not yet as it is to be for good; empty when all has come to rest. */
export function restProblems(
  store: Store,
  observation: Observation,
  engine: Engine,
  services: readonly ServiceKey[],
  nowMs: number,
): readonly string[] {
  return services.flatMap((service) => {
    const desired = store.desired(service);
    if (desired === undefined) return leftOvers(service, engine, undefined);
    const view = viewOf(observation, service, "servers");
    const { actions } = planService(desired, view, nowMs);
    const pending = actions.map((a) => `${service}: still to be done: ${JSON.stringify(a)}`);
    return [
      ...pending,
      ...leftOvers(service, engine, desired),
      ...missing(desired, engine),
      ...tainted(desired, engine),
    ];
  });
}

/** No group, no server and no route outlives its release, seen or unseen. */
function leftOvers(
  service: ServiceKey,
  engine: Engine,
  desired: DesiredService | undefined,
): readonly string[] {
  const { serving, count = 0 } = desired ?? {};
  const isKept = (of: ServiceKey, release: number) => of !== service || (release === serving && count > 0);
  const groups = [...engine.groups.values()].filter((g) => !isKept(g.service, g.spec.release.number));
  const servers = [...engine.servers.values()].filter((s) => !isKept(s.service, s.release.number));
  // A selected release without servers takes no traffic, so that no look can show it beside one that does.
  const routed = serving === undefined ? [...(engine.routes.get(service) ?? [])] : [];
  return [
    ...groups.map((g) => `group ${service}-${g.spec.release.number} is left over (size ${g.size})`),
    ...servers.map((s) => `${s.id} of ${service}-${s.release.number} is left over (${s.state})`),
    ...routed.map((release) => `${service} still has a route to release ${release}`),
  ];
}

/** Whoever has drifted is replaced, unless the service wants no more than a report or its servers never can be ready. */
function tainted({ service, serving, taints }: DesiredService, engine: Engine): readonly string[] {
  if (serving !== undefined && restless.has(engine.qualityOf(service, serving))) return [];
  return taints
    .filter((taint) => taint.response !== "report" && engine.servers.has(taint.server))
    .map((taint) => `${taint.server} has drifted and is still there`);
}

/** As many servers as were asked for, all of them with traffic; unless the release is such that none can stay. */
function missing({ service, serving, count }: DesiredService, engine: Engine): readonly string[] {
  if (serving === undefined) return [];
  if (!engine.routes.has(service)) return [`${service} has no way in`];
  const servers = [...engine.servers.values()].filter((s) => s.service === service);
  if (servers.length > count) return [`${service} has ${servers.length} servers instead of ${count}`];
  if (restless.has(engine.qualityOf(service, serving))) return [];
  const takers = [...(engine.endpoints.get(service) ?? [])].filter((id) => engine.answers(id));
  return servers.length === count && takers.length === count
    ? []
    : [
        `${service} has ${servers.length} servers, ${takers.length} of them with traffic, instead of ${count}`,
      ];
}
