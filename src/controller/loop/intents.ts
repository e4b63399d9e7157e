import type { ServiceKey } from "../../domain/ids.ts";
import type { Action } from "../../domain/rollout/actions.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";

/**
 * Writes down every action on the platform before it is begun, and afterwards what came of it. A pass that repeats
 * what the one before did adds nothing: an action has one intent for as long as it is planned, and a result only when
 * that changes. At rest nothing is planned, and nothing written.
 */
export interface Intents {
  /** Does the work between the two. Throws what the work throws, and what the store throws. */
  during(action: Action, work: () => Promise<void>): Promise<void>;
  /** What is planned for a service now: an action that is no more has ended, and would be another if it came again. */
  planned(service: ServiceKey, actions: readonly Action[]): void;
}

interface Intent {
  /** Its event's sequence number. */
  readonly sequence: number;
  /** An error's code when it failed; undefined before the first result. */
  result: string | undefined;
}

export function createIntents(store: Store): Intents {
  const open = new Map<ServiceKey, Map<string, Intent>>();

  function intentOf(action: Action): Intent {
    const ofService = open.get(action.service) ?? new Map<string, Intent>();
    open.set(action.service, ofService);
    const known = ofService.get(keyOf(action));
    if (known !== undefined) return known;
    const { service, kind, reason, ...what } = action;
    const { sequence } = store.appendEvent({
      service,
      kind: "action.intended",
      message: `${wordsOf(action)}: ${reason}.`,
      data: { action: kind, ...what, reason },
    });
    const intent = { sequence, result: undefined };
    ofService.set(keyOf(action), intent);
    return intent;
  }

  function tell(action: Action, intent: Intent, error?: unknown): void {
    const fault = error === undefined ? undefined : toKilnError(error);
    const result = fault?.code ?? "done";
    if (intent.result === result) return;
    const { service, kind, reason: _, ...what } = action;
    const data = { action: kind, ...what, intent: intent.sequence };
    const words = wordsOf(action);
    if (fault === undefined)
      store.appendEvent({ service, kind: "action.done", message: `${words}: done.`, data });
    else {
      const message = `${words}: failed. ${fault.message}`;
      store.appendEvent({ service, kind: "action.failed", message, data: { ...data, code: fault.code } });
    }
    intent.result = result;
  }

  return {
    during: async (action, work) => {
      if (!isTold(action)) return work();
      const intent = intentOf(action);
      try {
        await work();
      } catch (error) {
        tell(action, intent, error);
        throw error;
      }
      tell(action, intent);
    },
    planned: (service, actions) => {
      const keys = new Set(actions.map(keyOf));
      const left = [...(open.get(service) ?? [])].filter(([key]) => keys.has(key));
      if (left.length === 0) open.delete(service);
      else open.set(service, new Map(left));
    },
  };
}

/**
 * Of the others, `record` is a transaction with its own event, `analyse` only looks, and a quarantine is recorded by the
 * server's taint before it and by its evidence after it, in the few milliseconds that it has.
 */
function isTold({ kind }: Action): boolean {
  return kind !== "record" && kind !== "analyse" && kind !== "quarantine";
}

/** The reason may change from one pass to the next while the action is the same. */
function keyOf({ reason: _, ...what }: Action): string {
  return canonicalJson(what);
}

function wordsOf(action: Action): string {
  switch (action.kind) {
    case "resize":
      return `release ${action.release} to ${action.size} ${action.size === 1 ? "server" : "servers"}`;
    case "route":
      return action.shares.length === 0
        ? "no traffic"
        : `traffic to ${action.shares.map(({ release, share }) => `release ${release} (${percent(share)})`).join(", ")}`;
    case "preview":
      return action.release === undefined ? "preview closed" : `preview of release ${action.release}`;
    case "destroy":
      return `server ${action.server} destroyed`;
    case "retire":
      return `server ${action.server} retired`;
    case "run-job":
      return `job ${action.job} begun`;
    case "begin-run":
      return `run ${action.run} begun`;
    case "end-job":
      return `job ${action.job} ended`;
    case "forget-job":
      return `job ${action.job} forgotten`;
    default:
      return action.kind;
  }
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}
