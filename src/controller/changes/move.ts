import type { Asker } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Admission } from "../../domain/policy/admission.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { TargetName } from "../../domain/target.ts";
import type { Store } from "../../store/store.ts";
import { requireNotRevoked } from "../images/revocations.ts";
import type { Accepted } from "../operations.ts";
import { required } from "../services/queries.ts";
import { requireUsable } from "../targets/require-usable.ts";
import { admit, requireBegin, type Signers, signersOf, verdictOn } from "./admission.ts";
import type { Change, ChangeParts } from "./change.ts";
import { requireTaken } from "./checks.ts";
import { requireDevices } from "./devices.ts";
import { requireMovable } from "./movable.ts";
import { requireSecrets } from "./release-content.ts";

interface MoveRequest {
  readonly service: ServiceKey;
  readonly target: TargetName;
}

/**
 * To another target: servers of the release that serves come up there, and wait. Where the service is, nothing happens until someone
 * hands it over (`promote`); then its servers there are kept for as long as its policy says.
 */
export function moving(parts: ChangeParts, { service, target }: MoveRequest, by: Asker): Change<Accepted> {
  const { store, targets, clock } = parts;
  const [from, to] = [targets.of(required(store, service).service), targets.named(target)];
  const shared = from.platform.ports === "machine" && to.platform.ports === "machine";
  const release = requireMovable(store, service, { target, shared });
  let signers: Signers = new Set();
  const admitted = (now: Store, plan?: string): Admission | undefined => {
    const nowMs = clock.now();
    requireNotRevoked({ ...parts, store: now }, release.image);
    const signed = admit(now, { target, image: release.image, signers, nowMs });
    if (isWayBack(now, service, target)) return signed;
    const { image, network } = release;
    return verdictOn(now, { service, by, breakGlass: false, image, network, plan, nowMs }, signed);
  };
  const changes = [`target: ${from.target.name} -> ${target}`];
  return {
    ...{ service, to: target, changes, byHand: byHand(release, { target, shared }) },
    image: release.image,
    refusable: true,
    check: async () => {
      await requireUsable(to);
      requireSecrets(store, service, release.secrets);
      requireTaken(to.platform, release);
      await to.platform.preflight?.(release, parts.call());
      requireDevices(store.access, release.shape);
      signers = await signersOf(parts, release.image);
      admitted(store);
    },
    record: (now, { rehearsed, plan }) => {
      requireMovable(now, service, { target, shared });
      const admission = admitted(now, plan);
      if (!rehearsed) requireBegin(service, admission, noEmergency);
      const rollout = now.startMove({ service, target, shared, by, changes, admission });
      return { service, release: rollout.to, rollout: rollout.id, scaled: undefined, admission };
    },
  };
}

const noEmergency =
  "A move has no `--break-glass`: the service stays where it is, and serves. Wait, have it approved, or change the policy.";

/** Policies do not stand in the way back to servers that are still kept. */
function isWayBack(store: Store, service: ServiceKey, target: TargetName): boolean {
  const { move } = store.desired(service) ?? {};
  return move?.target === target && move.keptUntilMs !== undefined;
}

/** What is left to people, in order. */
function byHand(
  { service, traffic }: Release,
  { target, shared }: { readonly target: TargetName; readonly shared: boolean },
): readonly string[] {
  const look = `look at its servers on ${target}: \`kiln status ${service}\` has their addresses`;
  const finish = `\`kiln move ${service} --finish\` hands it over, \`--abort\` leaves it where it is`;
  const write = `write \`target: ${target}\` in kiln.yaml: deploys that name another target are refused from then on`;
  if (traffic === undefined) return [look, finish, write];
  const send = shared
    ? `nothing for its users: port ${traffic.listen} of this machine changes hands without closing`
    : `send its users there: change the DNS records, or the balancer in front, from its old addresses to those on ${target}, and wait until they have followed`;
  return [look, send, finish, write];
}
