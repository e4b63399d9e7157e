import type { Observation } from "../../../domain/observation.ts";
import type { ChangePlan } from "../../operations.ts";
import type { Change, ChangeParts } from "../change.ts";
import { wantedOf } from "../wanted.ts";

/** What the platform says of groups that would be new there, of the largest size that the actions give them. */
export async function platformWords(
  { store, targets, call }: ChangeParts,
  change: Change<unknown>,
  { groups }: Observation,
  actions: ChangePlan["actions"],
): Promise<readonly string[]> {
  const { service, record } = change;
  const { platform, target } = targets.at(change);
  if (platform.forecast === undefined) return [];
  const releases = store.rehearse((rehearsed) => {
    record(rehearsed, { rehearsed: true });
    return wantedOf(rehearsed, service, target.name).desired?.releases;
  });
  const words: string[] = [];
  for (const [number, size] of largestSizes(actions)) {
    const release = releases?.get(number);
    const isThere = groups.some((one) => one.service === service && one.release === number);
    if (release && size > 0 && !isThere) words.push(...(await platform.forecast(release, size, call())));
  }
  return words;
}

function largestSizes(actions: ChangePlan["actions"]): ReadonlyMap<number, number> {
  const sizes = new Map<number, number>();
  for (const action of actions)
    if (action.kind === "resize")
      sizes.set(action.release, Math.max(action.size, sizes.get(action.release) ?? 0));
  return sizes;
}
