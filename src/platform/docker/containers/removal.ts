import { toKilnError } from "../../../lib/errors.ts";
import type { Logger } from "../../../lib/log.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import type { Call } from "../../contract/call.ts";
import type { HostTrouble } from "../../fleet/host.ts";
import { inspectedContainer, type ListedContainer } from "../engine/answers.ts";
import { type Engine, EngineRefusal } from "../engine/engine.ts";

/** Between tries to remove what the engine could not remove: each takes the engine about 5 s. */
const retryMs = 10_000;
const retryTimeoutMs = 60_000;
/** How long another removal of the same container is waited for before its outcome is asked for; a failed one takes the engine about 5 s. */
const removalMs = 6_000;

/**
 * Removes containers. One that the engine cannot remove is dead: the engine has ended it and can neither start it again nor get rid of its
 * files, because something is still mounted there. It does not count as a server any more, so nothing waits for it: `sweep` tries again, and
 * `troubles` names it.
 */
export interface Removal {
  /** By name or id. Ends it, and removes it, unless it is dead. Throws `EngineRefusal` where it may still run. */
  remove(container: string, call: Call): Promise<void>;
  /** Removes those without a record at once, and in the background what is dead: someone has asked the engine to remove it. */
  sweep(
    all: readonly ListedContainer[],
    isStray: (one: ListedContainer) => boolean,
    call: Call,
  ): Promise<void>;
  /** The dead ones that are left. From memory. */
  troubles(): readonly HostTrouble[];
}

interface Dead {
  readonly name: string;
  /** The engine's reason. */
  readonly words: string;
}

export interface RemovalOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Logger;
}

export function containerRemoval({ engine, clock, log }: RemovalOptions): Removal {
  const dead = new Map<string, Dead>();
  let triedMs = Number.NEGATIVE_INFINITY;
  let isTrying = false;

  async function remove(container: string, call: Call): Promise<void> {
    try {
      await end(engine, container, call);
    } catch (error) {
      const found = error instanceof EngineRefusal ? await inspect(engine, container, call) : undefined;
      if (!(error instanceof EngineRefusal) || (found && found.State.Status !== "dead")) throw error;
      if (found) dead.set(found.Id, { name: found.Name.replace(/^\//, ""), words: error.words });
    }
  }

  /** A list of containers does not wait for it. */
  async function tryAgain(left: readonly ListedContainer[]): Promise<void> {
    if (isTrying || left.length === 0 || clock.elapsed() - triedMs < retryMs) return;
    isTrying = true;
    for (const { Id } of left) {
      const call = { signal: AbortSignal.timeout(retryTimeoutMs), deadline: clock.now() + retryTimeoutMs };
      await remove(Id, call).catch((error: unknown) =>
        log.warn({ container: Id, error: toKilnError(error).message }, "not removed; Kiln tries again"),
      );
    }
    triedMs = clock.elapsed();
    isTrying = false;
  }

  return {
    remove,
    async sweep(all, isStray, call) {
      const ids = new Set(all.map(({ Id }) => Id));
      for (const id of dead.keys()) if (!ids.has(id)) dead.delete(id);
      void tryAgain(all.filter(isDead));
      for (const one of all) if (!isDead(one) && isStray(one)) await remove(one.Id, call);
    },
    troubles: () => [...dead.values()].map(troubleOf),
  };
}

/** A list calls it `removing` for as long as the engine that failed to remove it runs, and `dead` afterwards. */
function isDead({ State }: Pick<ListedContainer, "State">): boolean {
  return State === "dead" || State === "removing";
}

async function end(engine: Engine, container: string, { signal }: Call): Promise<void> {
  const path = `/containers/${container}`;
  const query = { force: "1", v: "1" };
  for (;;) {
    const status = await engine.send({ method: "DELETE", path, query, accept: [404, 409], signal });
    if (status !== 409) return;
    // It is being removed already. If that fails, waiting does not show it: the next try says why.
    await isRemoved(engine, path, signal);
  }
}

/** Resolves when the container is gone, and after a few seconds in any case. */
async function isRemoved(engine: Engine, path: string, signal: AbortSignal): Promise<void> {
  const patience = AbortSignal.timeout(removalMs);
  const query = { condition: "removed" };
  try {
    await engine.send({
      ...{ method: "POST", path: `${path}/wait`, query, accept: [404] },
      signal: AbortSignal.any([signal, patience]),
    });
  } catch (error) {
    if (!patience.aborted || signal.aborted) throw error;
  }
}

function inspect(engine: Engine, container: string, { signal }: Call) {
  return engine.read({ path: `/containers/${container}/json`, accept: [404], signal }, inspectedContainer);
}

function troubleOf({ name, words }: Dead): HostTrouble {
  const reason = words.replace(/^container [0-9a-f]+: /, "").replace(/\.$/, "");
  return {
    message: `The Docker engine cannot remove the container ${name}, in which nothing runs any more: ${reason}.`,
    hint: "Kiln tries again. If that does not help, stop the engine, unmount what is left below its data folder, and start it; a restart of the machine does the same.",
  };
}
