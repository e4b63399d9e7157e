import type { Action } from "../../domain/rollout/actions.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { DesiredService, Rollout } from "../../domain/rollout/rollout.ts";
import type { Restoring } from "../../domain/volume.ts";
import type { GroupSpec } from "../../platform/contract/platform.ts";

type Resize = Extract<Action, { readonly kind: "resize" }>;

/** The group that a resize is about, as its platform needs to know it. */
export function groupSpecOf(
  { drainMs, rollout }: DesiredService,
  release: Release,
  { replacing }: Resize,
): GroupSpec {
  const restore = restoringOf(rollout, release.number);
  const beside = replacing === undefined ? {} : { replacing };
  return { release, drainMs, ...beside, ...(restore && { restore }) };
}

/** What a rollback with data restores before servers of the release that it leads to. */
function restoringOf(rollout: Rollout | undefined, release: number): Restoring | undefined {
  if (rollout?.restore === undefined || rollout.to !== release || rollout.phase === "back") return undefined;
  return { rollout: rollout.id, snapshots: rollout.restore };
}
