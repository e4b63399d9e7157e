import type { ContractEntry } from "../entry.ts";

/** The part of the table about differences between servers and their release, and evidence of them. */
export const driftTable = {
  /** By server and time. Throws `server_unknown`: an unknown name must not look like a server without drift. */
  drift: {
    method: "GET",
    path: "/v1/drift",
    needs: "view services",
    summary: "Every difference between a server and its release.",
    asks: "Drift",
    answers: "DriftReports",
  },
  /** Newest first. */
  evidence: {
    method: "GET",
    path: "/v1/evidence",
    needs: "view installation",
    summary: "The evidence of servers in quarantine.",
    asks: "Nothing",
    answers: "EvidenceList",
  },
  /** Throws `evidence_unknown`. */
  evidenceOf: {
    method: "GET",
    path: "/v1/evidence/:server",
    needs: "operate server",
    summary: "The evidence of one server: processes, mounts, last lines.",
    asks: "Server",
    answers: "EvidenceReport",
  },
  /** Throws `evidence_unknown`. */
  exportEvidence: {
    method: "GET",
    path: "/v1/evidence/:server/archive",
    needs: "operate server",
    summary: "The whole evidence of one server, as a tar archive in pieces.",
    asks: "Server",
    items: "ArchivePiece",
  },
} as const satisfies Record<string, ContractEntry>;
