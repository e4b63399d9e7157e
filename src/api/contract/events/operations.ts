import type { ContractEntry } from "../entry.ts";

/** The part of the table about the event log and its proof. */
export const eventsTable = {
  /** With `follow` it continues with events as they happen, until the signal fires. */
  events: {
    method: "GET",
    path: "/v1/events",
    needs: "view services",
    summary: "The event log, oldest first. Each id is the event's sequence number.",
    asks: "Events",
    items: "KilnEvent",
  },
  audit: {
    method: "GET",
    path: "/v1/audit",
    needs: "self",
    summary: "The state of the event log, without replaying it.",
    asks: "Nothing",
    answers: "AuditStatus",
  },
  /** Throws `audit_key_invalid`. */
  checkpoint: {
    method: "POST",
    path: "/v1/audit/checkpoint",
    needs: "administer installation",
    summary: "Signs a checkpoint of the event log as it is now.",
    asks: "Nothing",
    answers: "Checkpoint",
  },
  /** From then on Kiln no longer warns of these breaks. Throws `audit_key_invalid`. */
  acceptBreaks: {
    method: "POST",
    path: "/v1/audit/accept",
    needs: "administer installation",
    summary: "Records that the problems of the event log are known, and why.",
    asks: "AcceptBreaks",
    answers: "Recorded",
  },
  rotateAuditKey: {
    method: "POST",
    path: "/v1/audit/rotate",
    needs: "administer installation",
    summary: "Makes a new key, which signs checkpoints from now on.",
    asks: "Because",
    answers: "AuditKey",
  },
} as const satisfies Record<string, ContractEntry>;
