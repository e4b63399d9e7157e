import type { AskedOf, OperationsOf } from "../types.ts";
import type { targetsTable } from "./operations.ts";

const target = {
  ...{ name: "north", platform: "fake", options: { url: "http://north" }, added: { atMs: 3, by: "ada" } },
  ...{ services: ["shop"], servers: 3 },
  trouble: { message: "It is down.", hint: "Wait.", sinceMs: 4 },
  warnings: [{ message: "A container is left.", hint: "Unmount it." }],
};

/** What they are asked, at least once each. */
export const targetsAsked: AskedOf<typeof targetsTable> = {
  targets: [{}],
  target: [{ target: "north" }],
  addTarget: [{ target: "north", platform: "fake", options: { url: "http://north" }, reason: "more room" }],
  removeTarget: [{ target: "north" }],
};

/** Full values. */
export const targetsAnswered: OperationsOf<typeof targetsTable> = {
  targets: async () => [target],
  target: async () => ({
    ...target,
    readiness: {
      usable: true,
      gaps: [{ what: "no dm-verity", remedy: "none needed", severity: "degraded" }],
      facts: ["runc 1.1.5"],
    },
  }),
  addTarget: async () => {},
  removeTarget: async () => {},
};
