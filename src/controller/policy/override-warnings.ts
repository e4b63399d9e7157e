import type { ServiceKey } from "../../domain/ids.ts";
import type { ServiceWarning } from "../../domain/observation.ts";
import type { Store } from "../../store/store.ts";

/** For `kiln status`: rollouts that began against policies, until another person has looked at them. */
export function overrideWarnings(store: Store, service: ServiceKey): readonly ServiceWarning[] {
  const due = store.policies.overrides(service).filter(({ review }) => review === undefined);
  return due.map(({ rollout, by, reason }) => ({
    service,
    message: `${by} began rollout ${rollout} against policies, and no other person has reviewed that yet: ${reason}`,
    hint: `Someone else reviews it with \`kiln review ${rollout} --reason TEXT\`.`,
  }));
}
