import { setImmediate as otherWork } from "node:timers/promises";
import type { KilnEvent } from "../../domain/event.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { AdmissionRule } from "../../domain/policy/admission.ts";
import { refusing } from "../../domain/policy/admission.ts";
import type { PolicyFile } from "../../domain/policy/policy.ts";
import { decide, isPipeline, type Starting } from "./decide.ts";
import { soakKinds, soakOf } from "./soak.ts";

/** The events that deploys are replayed from. */
export const replayedKinds: readonly string[] = soakKinds;

/** A deploy of the log, and what a policy file would have said of it. */
export interface ReplayedDeploy {
  readonly rollout: number;
  readonly service: ServiceKey;
  readonly atMs: number;
  readonly by: string;
  /** Empty: it would have begun. */
  readonly refused: readonly AdmissionRule[];
}

/**
 * What this file would have said of each deploy of the log, at its time and by what had happened until then. Freezes are left out, and
 * approvals, since no one was asked for them. A long log with many rules takes minutes: other work is done after each deploy.
 */
export async function replayDeploys(
  file: Pick<PolicyFile, "name" | "rules">,
  events: readonly KilnEvent[],
): Promise<readonly ReplayedDeploy[]> {
  const before = new Map<ServiceKey, KilnEvent[]>();
  const images = new Map<string, string>();
  const deploys: ReplayedDeploy[] = [];
  const policies = { ...file, text: "", setAtMs: 0, setBy: "" };
  for (const event of events) {
    const { service, kind, data, atMs } = event;
    if (service === undefined) continue;
    if (kind === "release.created") images.set(`${service} ${data.release}`, String(data.image));
    if (kind === "rollout.started" && data.journey === "deploy") {
      const { name, reason, pipeline } = askerIn(data);
      const verdicts = decide(
        {
          ...{ service, nowMs: atMs, reason, person: { id: "", name }, pipeline },
          image: images.get(`${service} ${data.to}`),
        },
        {
          ...{ file: policies, freezes: [], approvals: () => [] },
          soak: (of, image) => soakOf(before.get(of) ?? [], image, atMs),
        },
      );
      deploys.push({ rollout: Number(data.rollout), service, atMs, by: name, refused: refusing(verdicts) });
      await otherWork();
    }
    const known = before.get(service) ?? [];
    known.push(event);
    before.set(service, known);
  }
  return deploys;
}

function askerIn(data: KilnEvent["data"]): Pick<Starting, "reason" | "pipeline"> & { readonly name: string } {
  const { name } = (data.actor ?? {}) as { readonly name?: unknown };
  const { reason } = data;
  return {
    name: typeof name === "string" ? name : "unknown",
    pipeline: isPipeline(data.actor ?? {}),
    reason: typeof reason === "string" ? reason : undefined,
  };
}
