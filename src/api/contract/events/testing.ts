import type { Asked, AskedOf, OperationsOf } from "../types.ts";
import type { eventsTable } from "./operations.ts";

export function anEvent(sequence: number) {
  return {
    sequence,
    atMs: 5,
    service: "shop",
    kind: "rollout.moved",
    message: "It moved.",
    data: { step: 1 },
  };
}

const anAcceptRequest: Asked<"acceptBreaks"> = {
  ...{ breaks: ["0123456789abcdef".repeat(2)], first: 3, upTo: 9, reason: "A restored backup." },
};

const service = "shop";

const server = "shop-1-1-1";

/** What they are asked, at least once each. */
export const eventsAsked: AskedOf<typeof eventsTable> = {
  events: [
    { after: 1, newest: 5, service },
    { sinceMs: 4, server },
    { after: 2, follow: true },
  ],
  audit: [{}],
  checkpoint: [{}],
  acceptBreaks: [anAcceptRequest],
  rotateAuditKey: [{}],
};

/** Full values. */
export const eventsAnswered: OperationsOf<typeof eventsTable> = {
  events: async function* ({ after = 0 }) {
    for (let sequence = after + 1; sequence <= 3; sequence++) yield anEvent(sequence);
  },
  audit: async () => ({
    entries: 9,
    checkpoint: { sequence: 8, digest: "sha256:ab", atMs: 5, keyId: "0123456789abcdef", signature: "aGk=" },
    key: { keyId: "0123456789abcdef", publicKey: "PEM" },
    troubles: [{ message: "It was changed.", hint: "Look.", sinceMs: 4 }],
  }),
  checkpoint: async () => ({
    ...{ sequence: 8, digest: "sha256:ab", atMs: 5, keyId: "0123456789abcdef", signature: "aGk=" },
    publicKey: "PEM",
  }),
  acceptBreaks: async () => ({ sequence: 12 }),
  rotateAuditKey: async () => ({ keyId: "0123456789abcdef", publicKey: "PEM" }),
};
