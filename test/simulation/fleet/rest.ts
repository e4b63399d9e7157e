import type { ServiceKey } from "../../../src/domain/ids.ts";
import type { Observation } from "../../../src/domain/observation.ts";
import { planService } from "../../../src/domain/plan/plan.ts";
import { viewOf } from "../../../src/domain/plan/service-view.ts";
import type { DesiredService } from "../../../src/domain/rollout/rollout.ts";
import { parseJobId, parseServerId } from "../../../src/platform/fleet/server-id.ts";
import { previewKey } from "../../../src/router/preview-key.ts";
import type { Store } from "../../../src/store/store.ts";
import { restless } from "../nature.ts";
import type { Machine } from "./machine.ts";

/** What is not yet as it is to be for good; empty when all has come to rest. */
export function restProblems(
  store: Store,
  observation: Observation,
  machine: Machine,
  services: readonly ServiceKey[],
  nowMs: number,
): readonly string[] {
  return services.flatMap((service) => {
    const desired = store.desired(service);
    if (desired === undefined) return leftOvers(service, machine, undefined);
    const view = viewOf(observation, service);
    const { actions } = planService(desired, view, nowMs);
    const pending = actions.map((a) => `${service}: still to be done: ${JSON.stringify(a)}`);
    return [
      ...pending,
      ...leftOvers(service, machine, desired),
      ...missing(desired, machine),
      ...shut(desired, machine),
      ...tainted(desired, machine),
    ];
  });
}

/** No server outlives its release: neither its process nor its record. */
function leftOvers(
  service: ServiceKey,
  machine: Machine,
  desired: DesiredService | undefined,
): readonly string[] {
  const serving = desired?.serving;
  const strays = [...machine.servers.keys()].filter((id) => {
    const name = parseServerId(id);
    return name?.service === service && (name.release !== serving || desired?.count === 0);
  });
  const jobs = [...machine.servers.keys()].filter((id) => {
    const job = parseJobId(id);
    if (job?.service !== service) return false;
    return machine.isRunning(id) || desired?.releases.has(job.release) !== true;
  });
  const routed = serving === undefined && machine.routes.has(service) ? [`${service} still has a route`] : [];
  const preview = machine.routes.get(previewKey(service));
  const previewed =
    preview !== undefined && (serving === undefined || preview.upstreams.length > 0)
      ? [`${service} still has a preview`]
      : [];
  return [
    ...previewed,
    ...routed,
    ...[...strays, ...jobs].map((id) => `${id} is left over (${machine.servers.get(id)?.record.state})`),
  ];
}

/** Whoever has drifted is replaced, unless the service wants no more than a report or its servers never can be ready. */
function tainted({ service, serving, taints }: DesiredService, machine: Machine): readonly string[] {
  if (serving !== undefined && restless.has(machine.qualityOf(service, serving))) return [];
  return taints
    .filter((taint) => taint.response !== "report" && taint.evidenceAtMs === undefined)
    .filter((taint) => machine.isRunning(taint.server))
    .map((taint) => `${taint.server} has drifted and is still there`);
}

/** A service without servers has its frontend all the same. */
function shut({ service, serving, releases }: DesiredService, machine: Machine): readonly string[] {
  if (serving === undefined || releases.get(serving)?.traffic === undefined) return [];
  return (machine.routes.get(service)?.frontends ?? []).length > 0 ? [] : [`${service} has no way in`];
}

/** As many servers as were asked for, all of them with traffic; unless the release is such that none can stay. */
function missing({ service, serving, count }: DesiredService, machine: Machine): readonly string[] {
  if (serving === undefined) return [];
  const running = machine
    .running()
    .filter((id) => parseServerId(id)?.service === service)
    .filter((id) => machine.servers.get(id)?.record.quarantinedAtMs === undefined);
  if (running.length > count) return [`${service} has ${running.length} servers instead of ${count}`];
  if (restless.has(machine.qualityOf(service, serving))) return [];
  const takers = machine.takers(service).filter((t) => machine.answers(t.id));
  return running.length === count && takers.length === count
    ? []
    : [
        `${service} has ${running.length} servers, ${takers.length} of them with traffic, instead of ${count}`,
      ];
}
