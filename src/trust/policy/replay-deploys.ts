import { setImmediate as otherWork } from "node:timers/promises";
import { type Actor, beginnerOf, personOf } from "../../domain/access/actor.ts";
import type { KilnEvent } from "../../domain/event.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Admission, AdmissionRule } from "../../domain/policy/admission.ts";
import { refusing } from "../../domain/policy/admission.ts";
import type { Approval, PolicyFile } from "../../domain/policy/policy.ts";
import { decide, isPipeline, type Policies, type Starting } from "./decide.ts";
import { FreezesOfLog } from "./freezes-of-log.ts";
import { soakKinds, soakOf } from "./soak.ts";

/** The events that deploys are replayed from. */
export const replayedKinds: readonly string[] = [
  ...soakKinds,
  ...["freeze.began", "freeze.lifted", "plan.approved"],
];

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
 * What this file would have said of each deploy of the log, at its time and by what had happened until then, and the freezes of that
 * time. Approvals count where the log has the plan: of a deploy that no policy asked approvals for it has none, and no one can have
 * approved it. A long log with many rules takes minutes: other work is done after each deploy.
 */
export async function replayDeploys(
  file: Pick<PolicyFile, "name" | "rules">,
  events: readonly KilnEvent[],
): Promise<readonly ReplayedDeploy[]> {
  const past = new Past(file);
  const deploys: ReplayedDeploy[] = [];
  for (const event of events) {
    const { service, kind, data, atMs } = event;
    if (service !== undefined && kind === "rollout.started" && data.journey === "deploy") {
      const metadata = past.opensMetadata(service, data.to);
      const starting = { service, nowMs: atMs, ...askerIn(data), metadata };
      const plan = planIn(data);
      const verdicts = decide({ ...starting, plan, image: past.imageOf(service, data.to) }, past.until(atMs));
      const refused = refusing(verdicts).map(plan === noPlan ? withoutPlan : (rule) => rule);
      deploys.push({ rollout: Number(data.rollout), service, atMs, by: starting.person.name, refused });
      await otherWork();
    }
    past.note(event);
  }
  return deploys;
}

/** Of a deploy whose plan is not in the log; no plan has this digest. */
const noPlan = "";

function withoutPlan(rule: AdmissionRule): AdmissionRule {
  if (rule.kind !== "approvals") return rule;
  const { remedy: _, because, ...rest } = rule;
  return { ...rest, because: because.replace("approved this plan", "was asked to approve its plan") };
}

/** What had happened until a moment of the log. */
class Past {
  readonly #file: PolicyFile;
  readonly #freezes = new FreezesOfLog();
  readonly #approvals = new Map<unknown, Approval[]>();
  readonly #images = new Map<string, string>();
  /** Releases whose servers may ask the cloud's metadata service. */
  readonly #open = new Set<string>();
  readonly #events = new Map<ServiceKey, KilnEvent[]>();

  constructor(file: Pick<PolicyFile, "name" | "rules">) {
    this.#file = { ...file, text: "", setAtMs: 0, setBy: "" };
  }

  note(event: KilnEvent): void {
    const { service, kind, data, atMs } = event;
    this.#freezes.note(event);
    if (kind === "plan.approved") {
      const { person } = askerIn(data);
      const approval = { by: person.name, person, atMs, ...(service === undefined ? {} : { service }) };
      this.#approvals.set(data.plan, [...(this.#approvals.get(data.plan) ?? []), approval]);
    }
    if (service === undefined) return;
    if (kind === "release.created") this.#images.set(`${service} ${data.release}`, String(data.image));
    if (kind === "release.created" && data.metadata === true) this.#open.add(`${service} ${data.release}`);
    const known = this.#events.get(service) ?? [];
    known.push(event);
    this.#events.set(service, known);
  }

  imageOf(service: ServiceKey, release: unknown): string | undefined {
    return this.#images.get(`${service} ${release}`);
  }

  opensMetadata(service: ServiceKey, release: unknown): boolean {
    return this.#open.has(`${service} ${release}`);
  }

  until(atMs: number): Policies {
    return {
      ...{ file: this.#file, freezes: this.#freezes.all() },
      approvals: (plan) => this.#approvals.get(plan) ?? [],
      soak: (of, image) => soakOf(this.#events.get(of) ?? [], image, atMs),
    };
  }
}

function planIn({ admission }: KilnEvent["data"]): string {
  const { plan } = (admission ?? {}) as Partial<Admission>;
  return typeof plan === "string" ? plan : noPlan;
}

/** An actor that another version of Kiln has written, or none, is someone unknown. */
function askerIn(data: KilnEvent["data"]): Pick<Starting, "reason" | "pipeline" | "person" | "beginner"> {
  const actor = (data.actor ?? {}) as Partial<Actor>;
  const { reason } = data;
  return {
    person: actor.via === undefined ? { id: "", name: actor.name ?? "unknown" } : personOf(actor as Actor),
    pipeline: isPipeline(actor),
    beginner:
      actor.via === undefined
        ? { kind: "people", names: [actor.name ?? "unknown"] }
        : beginnerOf(actor as Actor),
    reason: typeof reason === "string" ? reason : undefined,
  };
}
