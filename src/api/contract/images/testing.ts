import type { AskedOf, OperationsOf } from "../types.ts";
import type { imagesTable } from "./operations.ts";

const revocation = { digest: `sha256:${"a".repeat(64)}`, atMs: 1, reason: "CVE-2026-1", by: "ada" };

const channel = {
  ...{ service: "shop", name: "stable", version: "1.4.2", digest: revocation.digest },
  ...{ setAtMs: 1, setBy: "ada" },
};

const service = "shop";

/** What they are asked, at least once each. */
export const imagesAsked: AskedOf<typeof imagesTable> = {
  images: [{}, { service }],
  image: [{ digest: `sha256:${"a".repeat(64)}` }],
  removeImage: [{ service, version: "1.4.0" }],
  pinImage: [{ service, version: "1.4.0", reason: "an audit" }],
  unpinImage: [{ service, version: "1.4.0" }],
  collectImages: [{}],
  revocations: [{}],
  revokeImage: [{ digest: `sha256:${"a".repeat(64)}`, reason: "CVE-2026-1", atMs: 5 }],
  unrevokeImage: [{ digest: `sha256:${"a".repeat(64)}` }],
  channels: [{}],
  channel: [{ service: "shop", name: "stable" }],
  setChannel: [{ service: "shop", name: "stable", version: "1.4.2" }],
  removeChannel: [{ service: "shop", name: "stable" }],
};

/** Full values. */
export const imagesAnswered: OperationsOf<typeof imagesTable> = {
  images: async () => [
    {
      ...{ service: "shop", version: "1.4.0", digest: "sha256:ab", contentDigest: "sha256:cd", bytes: 9 },
      ...{ createdAtMs: 1, pinned: false, usedBy: ["shop release 1", "shop release 2"] },
    },
  ],
  image: async ({ digest }) => ({
    ...{ digest, names: ["shop:1.4.0"], os: "linux", architecture: "amd64", user: "1:1", command: ["/run"] },
    layers: [{ digest: "sha256:ef", bytes: 9, name: "files" }],
    ...{ env: ["A=b"], workingFolder: "/", labels: {}, annotations: { a: "b" } },
    attached: [{ digest: "sha256:01", type: "application/x" }],
  }),
  removeImage: async () => {},
  pinImage: async () => {},
  unpinImage: async () => {},
  collectImages: async () => ({
    images: [{ service: "shop", version: "1", digest: "sha256:ab" }],
    ...{ files: 3, bytes: 1024 },
  }),
  revocations: async () => [revocation],
  revokeImage: async () => revocation,
  unrevokeImage: async () => {},
  channels: async () => [channel],
  channel: async () => ({ ...channel, history: [channel] }),
  setChannel: async () => channel,
  removeChannel: async () => {},
};
