import type { AskedOf, OperationsOf } from "../types.ts";
import type { secretsTable } from "./operations.ts";

const service = "shop";

/** What they are asked, at least once each. */
export const secretsAsked: AskedOf<typeof secretsTable> = {
  secrets: [{}, { service }],
  setSecret: [{ service, name: "DB_PASSWORD", value: "aGk=" }],
  removeSecret: [{ service, name: "DB_PASSWORD" }],
};

/** Full values. */
export const secretsAnswered: OperationsOf<typeof secretsTable> = {
  secrets: async () => [
    {
      ...{ service: "shop", name: "DB_PASSWORD", version: 2, createdAtMs: 1, createdBy: "ada" },
      releases: [1, 2],
    },
  ],
  setSecret: async () => ({ version: 3, changed: true }),
  removeSecret: async () => {},
};
