import type { Asker } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import { keptForMs } from "../../domain/rollout/move.ts";
import type { Move, Rollout } from "../../domain/rollout/rollout.ts";
import type { TargetName } from "../../domain/target.ts";
import { spanWords } from "../../lib/time/span.ts";
import type { Store } from "../../store/store.ts";
import { type RevocationParts, requireNotRevoked } from "../images/revocations.ts";
import type { Accepted } from "../operations.ts";
import type { Change } from "./change.ts";
import { requireOneWriter } from "./one-writer.ts";
import { finalReleaseOf } from "./wanted.ts";

/** What someone does to the running rollout; to that of a move where the service comes to. */
export function steering(
  store: Store,
  how: "abort" | "pause" | "promote" | "resume",
  service: ServiceKey,
  by: Asker,
): Change<Rollout> {
  const record = (changed: Store) => changed[how](service, by);
  const { rollout, move, target } = store.desired(service) ?? {};
  if (rollout?.kind !== "move" || move === undefined || target === undefined) return { service, record };
  const changes = how === "promote" ? handedOver(target, move, rollout) : [];
  return { service, to: move.target, changes, record };
}

/** What a plan says of the target that is left: its own loop sees to that once the service is handed over. */
function handedOver(
  from: TargetName,
  { target, shared }: Move,
  { from: release, policy }: Rollout,
): readonly string[] {
  const kept = shared ? "waits there without traffic" : "serves there for users who still come";
  return [
    `target: ${from} -> ${target}`,
    `release ${release} ${kept} for ${spanWords(keptForMs(policy))}, then it is removed from ${from}`,
  ];
}

/** More or fewer servers of the same release. */
export function scaling(
  parts: RevocationParts,
  service: ServiceKey,
  count: number,
  by: Asker,
): Change<Accepted> {
  return {
    service,
    record: (store) => {
      requireStartable(parts, store, service, count);
      requireCount(store, service, count);
      const from = store.setCount(service, count, by);
      const { rollout, serving = 0 } = store.desired(service) ?? {};
      const scaled = from === count ? undefined : { from, to: count };
      return { service, release: rollout?.to ?? serving, rollout: rollout?.id, scaled };
    },
  };
}

/** Throws `image_revoked` when there would be more servers of a revoked image. */
function requireStartable(parts: RevocationParts, store: Store, service: ServiceKey, count: number): void {
  const desired = store.desired(service);
  const release = finalReleaseOf(desired);
  if (desired === undefined || release === undefined || count <= desired.count) return;
  requireNotRevoked({ ...parts, store }, release.image);
}

/** A service that is not there is for the store to refuse. */
function requireCount(store: Store, service: ServiceKey, count: number): void {
  const desired = store.desired(service);
  const policy = store.policy(service);
  if (desired === undefined || policy === undefined) return;
  const release = desired.releases.get(desired.rollout?.to ?? desired.serving ?? 0);
  if (release !== undefined) requireOneWriter(service, { shape: release.shape, count, policy });
}

/** Nothing of the service is left at the end. */
export function removing(service: ServiceKey, by: Asker): Change<void> {
  return { service, record: (store) => store.markRemoved(service, by) };
}
