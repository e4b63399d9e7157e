import { asksApproval } from "./admission.ts";
import type { Change, ChangeParts } from "./change.ts";
import { type Expecting, requireExpected, requirePlan } from "./expected.ts";
import { planNow } from "./plan/plan.ts";

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
  const { platform, loop } = targets.at(change);
  await change.check?.();
  if (image !== undefined) await platform.publish?.({ service, image }, call());
  const needsPlan = request.expect?.plan !== undefined || (change.refusable && asksApproval(store, service));
  const observed = needsPlan ? await loop.observer.see() : undefined;
  // Someone else may have changed the service while we looked.
  requireExpected(store, request);
  const plan = observed === undefined ? undefined : planNow(parts, change, observed);
  if (plan !== undefined) requirePlan(request, plan);
  const result = change.record(store, { rehearsed: false, plan: plan?.digest });
  targets.poke(service);
  return result;
}
