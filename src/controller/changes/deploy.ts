import { type Asker, askerName } from "../../domain/access/actor.ts";
import { serviceOf } from "../../domain/ids.ts";
import type { Admission } from "../../domain/policy/admission.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { compileSteps } from "../../domain/rollout/steps.ts";
import type { Store } from "../../store/store.ts";
import { requireNotRevoked } from "../images/revocations.ts";
import type { Accepted, DeployRequest } from "../operations.ts";
import { admit, requireBegin, type Signers, signersOf, verdictOn } from "./admission.ts";
import type { Change, ChangeParts } from "./change.ts";
import { requireDeployable, requireSameTarget } from "./checks.ts";
import { raisesDataVersion, requireReadable, volumesThere } from "./data.ts";
import { requireOneWriter } from "./one-writer.ts";
import { differences } from "./plan/differences.ts";
import { newPolicies } from "./plan/policy-differences.ts";
import { freeze } from "./release-content.ts";
import { servingOf } from "./wanted.ts";

/** To the release that the draft makes, unless that one serves or is on its way. */
export function deploying(parts: ChangeParts, request: DeployRequest, by: Asker): Change<Accepted> {
  const { service, draft, target } = request;
  requireSameTarget(parts.store, service, target);
  let signers: Signers = new Set();
  const startable = (store: Store) => requireNotRevoked({ ...parts, store }, draft.image);
  const admitted = (store: Store) => {
    const { name } = parts.targets.of(service, target).target;
    return admit(store, { target: name, image: draft.image, signers, nowMs: parts.clock.now() });
  };
  return {
    service,
    target,
    check: async () => {
      requireOneWriter(service, { shape: draft.shape, ...request });
      const { platform } = parts.targets.of(service, target);
      requireReadable(draft, await volumesThere(platform, service, parts.call()), unreadable);
      await requireDeployable(parts, service, draft, target);
      startable(parts.store);
      signers = await signersOf(parts, draft.image);
      admitted(parts.store);
    },
    image: draft.image,
    refusable: true,
    record: (store, { rehearsed, plan }) => {
      startable(store);
      return record(store, request, by, () => {
        const { breakGlass = false } = request;
        const { image, network } = draft;
        const beginning = { service, by, breakGlass, image, network, plan, nowMs: parts.clock.now() };
        const admission = verdictOn(store, beginning, admitted(store));
        if (!rehearsed) requireBegin(service, admission);
        return admission;
      });
    },
  };
}

const unreadable = {
  code: "volume_invalid",
  hint: "Deploy a release that states at least that `dataVersion`, or bring older data back with `kiln volume restore`.",
} as const;

/** `begin` is asked once it is clear that a rollout begins. */
function record(
  store: Store,
  request: DeployRequest,
  by: Asker,
  begin: () => Admission | undefined,
): Accepted {
  const { service } = request;
  store.sources.requireFollowing(service, by);
  const accepted = accept(store, request, by, begin);
  store.sources.began(service, by, accepted);
  return accepted;
}

function accept(
  store: Store,
  request: DeployRequest,
  by: Asker,
  begin: () => Admission | undefined,
): Accepted {
  const { service, target, supersede = false } = request;
  requireSameTarget(store, service, target); // it may have been made elsewhere while we looked
  addCandidate(store, request, by);
  const { draft, contents } = freeze(store, service, request.draft);
  const release = store.draftRelease(service, draft, askerName(by));
  const desired = store.desired(service);
  const running = desired?.rollout;
  if (running?.to === release.number && running.phase === "forward") {
    return { service, release: release.number, rollout: running.id, ...adopt(store, request, by) };
  }
  if (running === undefined && desired?.serving === release.number) {
    return { service, release: release.number, rollout: undefined, ...adopt(store, request, by) };
  }
  if (running !== undefined && supersede && desired?.serving === release.number) {
    // What is asked for serves already: the rollout that leads away from it turns back.
    const turned = store.abort(service, by);
    return { service, release: release.number, rollout: turned.id, ...adopt(store, request, by) };
  }
  return start(store, request, { release, contents, admission: begin() }, by);
}

/** Whatever it leads to here, its image can climb from now on. */
function addCandidate(store: Store, { service, draft, origin, climbing }: DeployRequest, by: Asker): void {
  if (climbing === undefined || Object.keys(climbing.rungs).length === 0) return;
  const { image, version } = draft;
  store.policies.addCandidate({ service: serviceOf(service), image, version, origin, ...climbing }, by);
}

interface Next {
  readonly release: Release;
  readonly contents: ReadonlyMap<string, Uint8Array>;
  readonly admission: Admission | undefined;
}

function start(store: Store, request: DeployRequest, next: Next, by: Asker): Accepted {
  const { service, target, count, policy, upkeep, origin, commits, trace, supersede = false } = request;
  const { release } = next;
  const desired = store.desired(service);
  const adopted = newPolicies(store, request);
  const rollout = store.startDeploy({
    ...next,
    ...(upkeep === undefined ? {} : { upkeep }),
    ...{ target, count, policy, by, supersede, origin, commits, trace },
    ...(raisesDataVersion(servingOf(desired), release)
      ? { rolloutPolicy: { ...policy, onFailure: "stop" } }
      : {}),
    steps: compileSteps(policy, count, desired?.serving === undefined),
    changes: [...differences(servingOf(desired), release), ...adopted],
  });
  const scaled =
    desired === undefined || desired.count === count ? undefined : { from: desired.count, to: count };
  return {
    service,
    release: release.number,
    rollout: rollout.id,
    scaled,
    adopted,
    admission: next.admission,
  };
}

/** Takes over what needs no other release: how many servers, how they are rolled out and what is done about them. */
function adopt(store: Store, request: DeployRequest, by: Asker): Pick<Accepted, "scaled" | "adopted"> {
  const { service, count, policy, upkeep } = request;
  const adopted = newPolicies(store, request);
  store.setPolicy(service, policy, by);
  if (upkeep !== undefined) store.setUpkeep(service, upkeep, by);
  const from = store.setCount(service, count, by);
  return { scaled: from === count ? undefined : { from, to: count }, adopted };
}
