import type { AskedOf, OperationsOf } from "../types.ts";
import type { volumesTable } from "./operations.ts";

const aSnapshot = { id: "s1", atMs: 2, reason: "asked" as const, release: 1, bytes: 8192 };

const service = "shop";

/** What they are asked, at least once each. */
export const volumesAsked: AskedOf<typeof volumesTable> = {
  volumes: [{}, { service }],
  snapshotVolume: [{ service, name: "data" }],
  restoreVolume: [{ service, name: "data", snapshot: "s1", reason: "a bad migration" }],
  exportVolume: [
    { service, name: "data" },
    { service, name: "data", snapshot: "s1" },
  ],
  importVolume: [
    { service, name: "data", data: "aGk=" },
    { service, name: "data", upload: "u1", data: "", last: true },
  ],
  removeVolume: [
    { service, name: "data" },
    { service, name: "data", snapshot: "s1" },
  ],
};

/** Full values. */
export const volumesAnswered: OperationsOf<typeof volumesTable> = {
  volumes: async () => [
    {
      ...{ service: "shop", name: "data", createdAtMs: 1, sizeBytes: 1_073_741_824, usedBytes: 4096 },
      ...{ release: 2, servers: ["shop-2-1-1"], snapshots: [aSnapshot] },
    },
  ],
  snapshotVolume: async () => aSnapshot,
  restoreVolume: async () => {},
  exportVolume: async function* () {
    yield { data: "aGk=" };
  },
  importVolume: async () => ({ upload: "u1" }),
  removeVolume: async () => {},
};
