import type { ContractEntry } from "../entry.ts";

/** The part of the table about git repositories that services follow. */
export const sourceTable = {
  sources: {
    method: "GET",
    path: "/v1/sources",
    needs: "view services",
    summary:
      "Every service that follows a git repository, with its last commit and what keeps it from being deployed.",
    asks: "Nothing",
    answers: "Sources",
  },
  /** Throws `source_unknown`. */
  source: {
    method: "GET",
    path: "/v1/sources/:service",
    needs: "view service",
    summary: "The repository that a service follows.",
    asks: "Service",
    answers: "Source",
  },
  /** Throws `source_taken`, and `usage` for a repository that is never fetched. */
  addSource: {
    method: "POST",
    path: "/v1/sources/:service",
    needs: "local",
    summary: "Lets a service follow a branch of a git repository: each new commit is deployed.",
    asks: "AddSource",
  },
  /** Throws `source_unknown`. */
  removeSource: {
    method: "POST",
    path: "/v1/sources/:service/remove",
    needs: "administer service",
    summary: "Lets a service no longer follow its repository. What serves stays.",
    asks: "NamedSource",
  },
  /** Throws `source_unknown`. */
  holdSource: {
    method: "POST",
    path: "/v1/sources/:service/hold",
    needs: "steer service",
    summary: "Deploys nothing from the repository until someone resumes it.",
    asks: "NamedSource",
  },
  /** Throws `source_unknown`. */
  resumeSource: {
    method: "POST",
    path: "/v1/sources/:service/resume",
    needs: "steer service",
    summary: "Lets the service follow its repository again.",
    asks: "NamedSource",
  },
  /** Throws `source_unknown`, `source_held`. */
  syncSource: {
    method: "POST",
    path: "/v1/sources/:service/sync",
    needs: "deploy service",
    summary: "Looks at the repository now.",
    asks: "SyncSource",
  },
  /** Throws `source_unknown`, `webhook_taken`, and `usage` where the controller does not listen for the network. */
  addSourceWebhook: {
    method: "POST",
    path: "/v1/sources/:service/webhook",
    needs: "administer service",
    summary:
      "Makes a webhook by which the forge reports pushes, so that Kiln looks at the repository at once.",
    asks: "AddSourceWebhook",
    answers: "NewSourceWebhook",
  },
  /** Throws `source_unknown`, `webhook_unknown`. */
  rotateSourceWebhook: {
    method: "POST",
    path: "/v1/sources/:service/webhook/rotate",
    needs: "administer service",
    summary: "Gives the webhook a new secret; for a day the one before counts too.",
    asks: "NamedSource",
    answers: "SourceWebhookSecret",
  },
  /** Throws `source_unknown`, `webhook_unknown`. */
  removeSourceWebhook: {
    method: "POST",
    path: "/v1/sources/:service/webhook/remove",
    needs: "administer service",
    summary: "Removes the webhook: pushes are seen at the next look.",
    asks: "NamedSource",
  },
} as const satisfies Readonly<Record<string, ContractEntry>>;
