import type { Observation } from "../../domain/observation.ts";

/** One observation serves every caller that asked before it began: many services in need of a look cost one look. */
export function createObserver(observe: () => Promise<Observation>): () => Promise<Observation> {
  let running: Promise<unknown> | undefined;
  let next: Promise<Observation> | undefined;

  function look(): Promise<Observation> {
    next = undefined;
    const result = observe();
    running = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  return () => {
    next ??= running === undefined ? Promise.resolve().then(look) : running.then(look);
    return next;
  };
}
