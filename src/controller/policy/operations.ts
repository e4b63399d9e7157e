import type { KilnEvent } from "../../domain/event.ts";
import { type ImageDigest, type ServiceKey, serviceKey } from "../../domain/ids.ts";
import { environmentOf, type Freeze } from "../../domain/policy/policy.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { pagesOf } from "../../store/events/pages.ts";
import type { Store } from "../../store/store.ts";
import { calendarOf } from "../../trust/policy/calendar.ts";
import { isPipeline } from "../../trust/policy/decide.ts";
import { replayDeploys, replayedKinds } from "../../trust/policy/replay-deploys.ts";
import { askerOf } from "../asker.ts";
import type { Operations, Who } from "../operations.ts";
import { rungsOf } from "./ladders.ts";

/** The operations on what must hold before a rollout begins. They change no server: the next deploy observes them. */
export function createPolicyOperations(
  store: Store,
  clock: Clock,
): Pick<
  Operations,
  | "policies"
  | "calendar"
  | "setPolicy"
  | "removePolicy"
  | "freeze"
  | "unfreeze"
  | "review"
  | "candidates"
  | "ladders"
  | "approve"
  | "testPolicy"
> {
  const { policies } = store;
  return {
    candidates: async ({ service }) =>
      policies.candidates(service).map(({ origin, ladder, rungs, ...candidate }) => ({
        ...candidate,
        commit: origin?.commit,
        environments: Object.keys(rungs),
        serves: ladder.filter((rung) =>
          servesIn(store, serviceKey(candidate.service, rung), candidate.image),
        ),
      })),
    ladders: async (_asked, who) => rungsOf(store, askerOf({}, who), clock.now()),
    policies: async () => ({
      file: policies.file(),
      freezes: policies.freezes(),
      overrides: policies.overrides(),
    }),
    calendar: async () => {
      const standing = { file: policies.file(), freezes: policies.freezes() };
      const nowMs = clock.now();
      return store.desiredAll().map(({ service }) => ({
        ...{ service, environment: environmentOf(service) },
        stretches: calendarOf(service, standing, nowMs),
      }));
    },
    setPolicy: async (asked, who) => {
      const { name, text } = asked;
      const { readPolicy } = await import("../../spec/policy/read-policy.ts");
      return policies.setFile({ name, text, rules: readPolicy(name, text) }, askerOf(asked, who));
    },
    removePolicy: async (asked, who) => void policies.removeFile(askerOf(asked, who)),
    freeze: async ({ environment, service, reason, forMs }, who) => {
      const freeze = policies.freeze({ environment, service, reason, forMs }, askerOf({}, who));
      return { ...freeze, services: concerned(store, freeze) };
    },
    unfreeze: async ({ id, environment, service, reason }, who) =>
      policies.unfreeze(id === undefined ? { environment, service } : { id }, askerOf({ reason }, who)),
    approve: async (asked, who) => {
      requirePerson(who, "approves a plan");
      return policies.approve(asked, askerOf(asked, who));
    },
    testPolicy: async ({ name, text }) => {
      const { readPolicy } = await import("../../spec/policy/read-policy.ts");
      const rules = readPolicy(name, text);
      const events: KilnEvent[] = [];
      for await (const page of pagesOf(store, { kinds: replayedKinds })) events.push(...page);
      return replayDeploys({ name, rules }, events);
    },
    review: async ({ rollout, reason }, who) => {
      requirePerson(who, "reviews a rollout");
      return policies.review(rollout, reason, askerOf({}, who));
    },
  };
}

/** Someone who begins a rollout may also be able to let a pipeline say yes to it. */
function requirePerson({ actor }: Who, does: string): void {
  if (!isPipeline(actor)) return;
  throw new KilnError("forbidden", `${actor.name} is a pipeline; expected a person who ${does}.`, {
    hint: "Someone does that with a login or a token of their own.",
  });
}

function servesIn(store: Store, service: ServiceKey, image: ImageDigest): boolean {
  const { serving, releases } = store.desired(service) ?? {};
  return serving !== undefined && releases?.get(serving)?.image === image;
}

function concerned(store: Store, { environment, service }: Freeze): readonly string[] {
  const keys = store.desiredAll().map((desired) => desired.service);
  if (service !== undefined) return keys.filter((key) => key === service);
  return keys.filter((key) => environment === undefined || environmentOf(key) === environment);
}
