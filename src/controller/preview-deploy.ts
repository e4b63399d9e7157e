import { type Asker, askerName } from "../domain/actor.ts";
import { preview } from "../domain/preview.ts";
import type { Release } from "../domain/release.ts";
import type { DesiredService, Rollout } from "../domain/rollout.ts";
import { emptyView, type ServiceView, viewsOf } from "../domain/service-view.ts";
import { defaultUpkeep } from "../domain/spec.ts";
import { compileSteps } from "../domain/steps.ts";
import { requireDeployable } from "./checks.ts";
import type { CommandParts } from "./commands.ts";
import { differences } from "./differences.ts";
import type { DeployRequest, PlanPreview } from "./operations.ts";
import { newPolicies } from "./policy-differences.ts";
import { freeze } from "./release-content.ts";

/** What a deploy would do, by the function that does it. */
export async function previewDeploy(
  parts: CommandParts,
  request: DeployRequest,
  by: Asker,
): Promise<PlanPreview> {
  const { store, clock, loop, platform } = parts;
  const { service } = request;
  await requireDeployable(parts, service, request.draft);
  const { draft } = freeze(store, service, request.draft);
  const before = store.desired(service);
  const serving = before?.serving === undefined ? undefined : before.releases.get(before.serving);
  const release = store.draftRelease(service, draft, askerName(by));
  const desired = asThoughDeployed(before, release, request, clock.now());
  const view =
    viewsOf(await loop.observe(), platform.split).get(service) ?? emptyView(service, platform.split);
  const { actions, peakServers, fewestInTraffic } = preview(desired, whole(view), clock.now());
  return {
    service,
    serving,
    changes: [
      ...differences(serving, draft),
      ...(before !== undefined && before.count !== request.count
        ? [`servers: ${before.count} -> ${request.count}`]
        : []),
      ...newPolicies(store, request),
    ],
    actions,
    peakServers,
    fewestInTraffic,
    downtime: downtimeOf(desired.rollout, fewestInTraffic),
  };
}

/** The preview speaks of a healthy start: what is on its way counts as arrived. */
function whole(view: ServiceView): ServiceView {
  const groups = [...view.groups].map(
    ([release, group]) =>
      [
        release,
        { ...group, failures: [], servers: group.servers.map((s) => ({ ...s, state: "ready" as const })) },
      ] as const,
  );
  return { ...view, groups: new Map(groups) };
}

function asThoughDeployed(
  before: DesiredService | undefined,
  release: Release,
  { service, count, policy }: DeployRequest,
  nowMs: number,
): DesiredService {
  const base: DesiredService = before ?? {
    service,
    count,
    releases: new Map(),
    serving: undefined,
    rollout: undefined,
    warm: [],
    drainMs: policy.drainMs,
    upkeep: defaultUpkeep,
    unavailable: 0,
    alone: false,
    taints: [],
    suspendedUntilMs: undefined,
    removed: false,
  };
  const releases = new Map(base.releases).set(release.number, release);
  if (base.rollout !== undefined || base.serving === release.number) return { ...base, count, releases };
  const rollout: Rollout = {
    id: 0,
    service,
    kind: "deploy",
    from: base.serving,
    to: release.number,
    policy,
    steps: compileSteps(policy, count, base.serving === undefined),
    phase: "forward",
    step: 0,
    startedAtMs: nowMs,
    startedBy: "",
    movedAtMs: undefined,
    highestReady: 0,
    progressAtMs: nowMs,
    origin: undefined,
    changes: [],
    judgedFromMs: nowMs,
    promoted: false,
    jobs: [],
    verdict: undefined,
    endedAtMs: undefined,
    reason: undefined,
  };
  return { ...base, count, releases, rollout };
}

function downtimeOf(rollout: Rollout | undefined, fewestInTraffic: number): string {
  if (rollout?.from === undefined || fewestInTraffic > 0) return "none";
  return `from the stop of release ${rollout.from} until release ${rollout.to} is ready`;
}
