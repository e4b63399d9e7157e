import type { AskedOf, OperationsOf } from "../types.ts";
import type { controllerTable } from "./operations.ts";

/** What they are asked, at least once each. */
export const controllerAsked: AskedOf<typeof controllerTable> = {
  info: [{}],
  shutdown: [{}, { reason: "an upgrade" }],
};

/** Full values. */
export const controllerAnswered: OperationsOf<typeof controllerTable> = {
  info: async () => ({
    ...{
      pid: 1,
      version: "0.1.0",
      home: "/var/lib/kiln",
      installation: "host-1a2b3c",
      startedAtMs: 1,
      services: 1,
      servers: 3,
    },
  }),
  shutdown: async () => {},
};
