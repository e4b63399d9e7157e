import { aRollout } from "../../../domain/testing.ts";
import type { AskedOf, OperationsOf } from "../types.ts";
import type { rolloutsTable } from "./operations.ts";

const service = "shop";

/** What they are asked, at least once each. */
export const rolloutsAsked: AskedOf<typeof rolloutsTable> = {
  rollout: [{ id: 7 }],
  abort: [{ service }],
  pause: [{ service }],
  resume: [{ service }],
  promote: [{ service }],
};

/** Full values. */
export const rolloutsAnswered: OperationsOf<typeof rolloutsTable> = {
  rollout: async ({ id }) => aRollout({ id }),
  abort: async () => aRollout({ phase: "back", reason: "aborted" }),
  pause: async () => aRollout({ phase: "paused", reason: "paused" }),
  resume: async () => aRollout(),
  promote: async () => aRollout({ promoted: true }),
};
