import type { ContractEntry } from "../entry.ts";

/** The part of the table about services and what they have had. */
export const servicesTable = {
  services: {
    method: "GET",
    path: "/v1/services",
    needs: "view services",
    summary: "Every service with its servers.",
    asks: "Nothing",
    answers: "ServiceStatusList",
  },
  /** Throws `usage` for a cursor that no page gave. */
  overview: {
    method: "GET",
    path: "/v1/overview",
    needs: "view installation",
    summary: "One page of all services in brief, those that need someone first.",
    asks: "PageOfServices",
    answers: "Overview",
  },
  /** Throws `service_unknown`. */
  status: {
    method: "GET",
    path: "/v1/services/:service",
    needs: "view service",
    summary: "One service with its servers.",
    asks: "Service",
    answers: "ServiceStatus",
  },
  history: {
    method: "GET",
    path: "/v1/services/:service/history",
    needs: "view service",
    summary: "Releases and rollouts.",
    asks: "Service",
    answers: "History",
  },
  /** Resolves when it is recorded. Throws `service_unknown`, `release_unknown`. */
  keepRelease: {
    method: "POST",
    path: "/v1/services/:service/releases/:release/keep",
    needs: "steer service",
    summary: "Keeps a release and its image, however old they become, or no longer.",
    asks: "KeepRelease",
    answers: "ReleaseKept",
  },
  /** Names alone of environment variables, secrets and files: values may be confidential. Throws `service_unknown`, `release_unknown`. */
  diff: {
    method: "GET",
    path: "/v1/services/:service/diff",
    needs: "view service",
    summary: "What one kept release changes against another.",
    asks: "TwoReleases",
    answers: "Diff",
  },
} as const satisfies Record<string, ContractEntry>;
