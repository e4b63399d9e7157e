import type { Asker } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import type { TargetName } from "../../domain/target.ts";
import { listenersOf } from "../../domain/traffic/listener.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import type { Accepted } from "../operations.ts";
import { required } from "../services/queries.ts";
import type { Change, ChangeParts } from "./change.ts";

interface GiveUpRequest {
  readonly service: ServiceKey;
  readonly target: TargetName;
}

/**
 * A target that the service has left and that is dead holds up nothing any more. Refused while that target answers: what is left there goes by
 * itself then, when it may.
 */
export function givingUp(
  { store, targets }: ChangeParts,
  { service, target }: GiveUpRequest,
  by: Asker,
): Change<Accepted> {
  const { loop } = targets.named(target);
  required(store, service);
  return {
    service,
    changes: [`${target}: given up, with what is left of ${service} there`],
    byHand: byHand(store, { service, target }, loop.seen()),
    check: async () => {
      const { trouble } = await loop.observer.glance();
      if (trouble === undefined && isLeft(store, service, target)) throw answers(service, target);
    },
    record: (now) => {
      now.giveUp(service, target, by);
      return {
        service,
        release: now.desired(service)?.serving ?? 0,
        rollout: undefined,
        scaled: undefined,
      };
    },
  };
}

function isLeft(store: Store, service: ServiceKey, target: TargetName): boolean {
  return store.desired(service)?.move?.target === target;
}

function answers(service: ServiceKey, target: TargetName): KilnError {
  return new KilnError(
    "move_impossible",
    `The target ${target} answers, so there is nothing to give up: what is left of ${service} there is removed when its time is over.`,
    {
      hint: `\`kiln status ${service}\` shows until when. \`kiln move ${service} --target ${target}\` moves it back.`,
    },
  );
}

/** What may still run there, as it was seen last, and what to do about it. */
function byHand(
  store: Store,
  { service, target }: GiveUpRequest,
  seen: Observation | undefined,
): readonly string[] {
  const { move, releases } = store.desired(service) ?? {};
  if (move?.target !== target) return [];
  const { release, shared } = move;
  const servers = (seen?.groups ?? []).filter((group) => group.service === service).flatMap((g) => g.servers);
  const jobs = (seen?.jobs ?? []).filter((job) => job.service === service && job.end === undefined);
  const addresses = (seen?.addresses ?? []).filter((each) => each.service === service).map(({ url }) => url);
  const traffic = releases?.get(release)?.traffic;
  const ports = traffic === undefined ? [] : listenersOf(traffic).map(({ listen }) => listen);
  const running = servers.map(({ id }) => id).join(", ") || "which ones has not been seen";
  const open = shared
    ? ports.map((port) => `port ${port} of this machine`)
    : addresses.length > 0
      ? addresses
      : ["its addresses there"];
  return [
    `servers of release ${release} may still run on ${target}: ${running}`,
    ...jobs.map(({ name, id }) => `job ${name} may still run there (${id}); it counts as failed`),
    ...(traffic === undefined
      ? []
      : [
          `they may still answer at ${open.join(", ")}: switch ${target} off, or see to it that no user comes there`,
        ]),
    `Kiln removes all that when ${target} answers again; \`kiln target rm ${target}\`, or to remove ${service}, ends that`,
  ];
}
