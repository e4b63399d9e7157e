/** `ms`: a time or an age; `share`: 0 to 1; `per week` and `days per week`: a mean or median; `count`: how many. */
export type Unit = "ms" | "share" | "per week" | "count";

export interface Definition {
  readonly title: string;
  readonly unit: Unit;
  /** What `n` counts. */
  readonly of: string;
  /** What is computed, so that anyone who has the log can do so again. */
  readonly definition: string;
}

/** With fewer of what a figure is made of, chance decides it. */
export const enough = 5;

/**
 * Every figure of a service. The first five are DORA's (dora.dev, "DORA's software delivery metrics", 2026): of one service, since
 * goals across services, and comparisons, spoil them.
 */
export const definitions = {
  "lead-time": {
    ...{ title: "Change lead time", unit: "ms", of: "commits" },
    definition:
      "From a commit until the deployment that first brought it had completed: the median over commits. Deployments whose commits are not known do not count.",
  },
  "deployment-frequency": {
    ...{ title: "Deployment frequency", unit: "per week", of: "deployments" },
    definition: "Deployments in each whole week of the period, counted back from its end: the mean.",
  },
  "recovery-time": {
    ...{ title: "Failed deployment recovery time", unit: "ms", of: "recoveries" },
    definition:
      "From the first traffic of a failed deployment until another release had all the traffic: the median.",
  },
  "fail-rate": {
    ...{ title: "Change fail rate", unit: "share", of: "deployments" },
    definition:
      "The share of deployments that had traffic and then turned back or ended without a way back, or whose release a later rollback left.",
  },
  "rework-rate": {
    ...{ title: "Deployment rework rate", unit: "share", of: "deployments" },
    definition:
      "The share of deployments that were the first within 24 hours after one had failed. Nothing states that they mend it: this is a guess.",
  },
  "caught-before-traffic": {
    ...{ title: "Caught before traffic", unit: "count", of: "rollouts" },
    definition:
      "Rollouts of a deploy that turned back or failed before the new release had any traffic. They do not count as deployments.",
  },
  "uptime-requests": {
    ...{ title: "Uptime by requests", unit: "share", of: "requests" },
    definition: "The share of requests that were answered, and with a status below 500.",
  },
  "uptime-minutes": {
    ...{ title: "Uptime by minutes", unit: "share", of: "minutes" },
    definition:
      "The share of minutes in which every look found a ready server. What is older than two days is kept by the hour: where several releases shared an hour, the lowest possible share counts.",
  },
  drift: {
    ...{ title: "Drift found", unit: "count", of: "differences" },
    definition: "Differences that were found between a server and its release.",
  },
  "drift-replacement": {
    ...{ title: "Time to replacement", unit: "ms", of: "replaced servers" },
    definition:
      "From the first difference of a server until the server that took its place was ready: the median.",
  },
  "changes-by-hand": {
    ...{ title: "Changes by hand", unit: "count", of: "sessions" },
    definition: "Sessions of `kiln exec`, each of which taints its server.",
  },
  "break-glass": {
    ...{ title: "Begun against policies", unit: "count", of: "rollouts" },
    definition: "Rollouts that someone let through with `--break-glass` though policies refused them.",
  },
  "server-age": {
    ...{ title: "Oldest server", unit: "ms", of: "servers" },
    definition: "The age of the oldest server now.",
  },
  "image-age": {
    ...{ title: "Image", unit: "ms", of: "images" },
    definition: "The age of the image that serves now.",
  },
} as const satisfies Record<string, Definition>;

export type FigureName = keyof typeof definitions;
