import type { Change, ChangeParts } from "./change.ts";
import { type Expecting, requireExpected, requirePlan } from "./expected.ts";
import { planNow } from "./plan.ts";

/** Begins with what is there, checks, then records. Throws what the change throws, and `expectation_failed`. */
export async function carryOut<Result>(
  parts: ChangeParts,
  request: Expecting,
  begin: () => Change<Result>,
): Promise<Result> {
  const { store, targets, call } = parts;
  requireExpected(store, request);
  const change = begin();
  const { service, image } = change;
  const { platform, loop } = targets.of(service, change.target);
  await change.check?.();
  if (image !== undefined) await platform.publish?.({ service, image }, call());
  const observed = request.expect?.plan === undefined ? undefined : await loop.observer.see();
  // Someone else may have changed the service while we looked.
  requireExpected(store, request);
  if (observed !== undefined) requirePlan(request, planNow(parts, change, observed));
  const result = change.record(store, { rehearsed: false });
  loop.poke(service);
  return result;
}
