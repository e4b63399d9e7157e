import { matches } from "./access/access.ts";
import type { KilnEvent } from "./event.ts";

/**
 * `cloudevents`: the whole event, for programs; `otlp`: rollouts that are over, as traces of OpenTelemetry; `github-deployment`: a deployment of the
 * commit on GitHub, with its state; the others are sentences for people, in the form that each chat takes.
 */
export const webhookFormats = ["cloudevents", "otlp", "slack", "teams", "ntfy", "github-deployment"] as const;

export type WebhookFormat = (typeof webhookFormats)[number];

/** An address outside of Kiln that receives events. */
export interface Webhook {
  readonly name: string;
  /** `https://hooks.example.com`: the rest of the URL may be a secret. */
  readonly origin: string;
  readonly format: WebhookFormat;
  /** Kinds of events, in which `*` stands for any characters. */
  readonly kinds: readonly string[];
  /** Services, in which `*` does too; empty: all, and the installation itself. */
  readonly services: readonly string[];
  readonly createdAtMs: number;
  readonly createdBy: string;
  /** Every event up to this place in the log was delivered, or does not concern it. */
  readonly cursor: number;
  readonly deliveredAtMs: number | undefined;
  /** Since when nothing could be delivered, how often that was tried, and why it failed last. */
  readonly failing:
    | { readonly sinceMs: number; readonly attempts: number; readonly reason: string }
    | undefined;
}

/** What a webhook receives when nothing else is asked for: a program every event, a collector of traces the ends of rollouts, people those that they may have to act on. */
export function usualKinds(format: WebhookFormat): readonly string[] {
  if (format === "otlp") return kindsOfEnds;
  if (format === "github-deployment") return kindsForGitHub;
  return format === "cloudevents" ? ["*"] : kindsForPeople;
}

/** A trace is complete when its rollout is over. */
const kindsOfEnds = ["rollout.completed", "rollout.rolled-back", "rollout.failed", "rollout.superseded"];

const kindsForGitHub = ["rollout.started", "rollout.completed", "rollout.rolled-back", "rollout.failed"];

const kindsForPeople = [
  ...["rollout.started", "rollout.turned-back", "rollout.completed", "rollout.rolled-back", "rollout.failed"],
  ...["server.tainted", "drift.suspended", "service.warned", "job.failed"],
  ...["freeze.began", "freeze.lifted", "policy.overridden", "image.revoked"],
];

export function concerns(
  { kinds, services }: Pick<Webhook, "kinds" | "services">,
  event: KilnEvent,
): boolean {
  if (!kinds.some((pattern) => matches(pattern, event.kind))) return false;
  if (services.length === 0) return true;
  return services.some((pattern) => event.service !== undefined && matches(pattern, event.service));
}

const firstPauseMs = 5_000;
const longestPauseMs = 3_600_000;

/** How long to wait after so many failed attempts, from 1: 5 s, 10 s, 20 s and so on, at most an hour. */
export function pauseAfter(attempts: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(20, attempts - 1));
}
