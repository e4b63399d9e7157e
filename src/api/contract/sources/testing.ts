import type { Answer, AskedOf, OperationsOf } from "../types.ts";
import type { sourceTable } from "./operations.ts";

/** What they are asked, at least once each. */
export const sourcesAsked: AskedOf<typeof sourceTable> = {
  sources: [{}],
  source: [{ service: "shop.production" }],
  addSource: [
    {
      ...{ service: "shop.production", url: "https://git.example.com/acme/shop.git", branch: "main" },
      ...{ path: "deploy/shop", intervalMs: 60_000, credentials: "/etc/kiln/token" },
      allowedSigners: "ada@example.com ssh-ed25519 AAAA",
    },
    {
      ...{ service: "shop", url: "ssh://git@git.example.com/shop", branch: "release/1.x", path: "." },
      ...{ intervalMs: 10_000, credentials: "/k", knownHosts: "/h", reason: "moved" },
    },
  ],
  removeSource: [{ service: "shop", reason: "moved" }],
  holdSource: [{ service: "shop" }],
  resumeSource: [{ service: "shop" }],
  syncSource: [{ service: "shop" }, { service: "shop", force: true }],
  addSourceWebhook: [{ service: "shop", address: "kiln.example.com:7443" }],
  rotateSourceWebhook: [{ service: "shop" }],
  removeSourceWebhook: [{ service: "shop", reason: "moved" }],
};

/** Full values. */
const source: Answer<"source"> = {
  ...{ service: "shop.production", url: "https://git.example.com/acme/shop.git", branch: "main" },
  ...{ path: "deploy/shop", intervalMs: 60_000, credentials: "/etc/kiln/token", knownHosts: "/h" },
  webhook: { id: "AbCdEfGh", service: "shop.production", addedAtMs: 1, addedBy: "ada", usedAtMs: 2 },
  ...{ signed: true, addedAtMs: 1, addedBy: "ada" },
  hold: { sinceMs: 4, by: "ada", because: "rolled it back" },
  head: { id: "c".repeat(40), author: "Ada <a@b.c>", subject: "Mend", committedAtMs: 2, signer: "a@b.c" },
  lookedAtMs: 3,
  deployed: {
    ...{ commit: "c".repeat(40), tree: "d".repeat(40), atMs: 3, release: 4, rollout: 5 },
    phase: "complete",
  },
  failing: {
    ...{ sinceMs: 3, attempts: 2, code: "spec_invalid", message: "It is invalid.", hint: "Mend it." },
    ...{ problems: ["kiln.yaml:1:1: no"], commit: "c".repeat(40) },
    nextTryAtMs: 20,
  },
  nextLookAtMs: 9,
  looking: false,
};

export const sourcesAnswered: OperationsOf<typeof sourceTable> = {
  sources: async () => [source],
  source: async () => source,
  addSource: async () => {},
  removeSource: async () => {},
  holdSource: async () => {},
  resumeSource: async () => {},
  syncSource: async () => {},
  addSourceWebhook: async () => ({ url: "https://kiln.example.com:7443/v1/pushes/AbCdEfGh", secret: "s" }),
  rotateSourceWebhook: async () => ({ secret: "s" }),
  removeSourceWebhook: async () => {},
};
