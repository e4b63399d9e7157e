import type { Person } from "../access/actor.ts";
import type { ServiceKey } from "../ids.ts";
import type { Window } from "./windows.ts";

/** What must hold before a rollout begins: one rule of the installation's policy file. */
export type PolicyRule = Rule & {
  /** An environment; `none`: services without one; `*`: every service. */
  readonly environment: string;
  /** Where it is written: a line of the file, from 1. */
  readonly line: number;
};

type Rule =
  | { readonly kind: "allow" | "deny"; readonly window: Window }
  /** A rollout begins only with a reason. */
  | { readonly kind: "reason" }
  /** A pipeline begins it, not a person. */
  | { readonly kind: "pipeline" }
  /** One of these begins it; `*` in a name stands for any characters. */
  | ({ readonly kind: "from" } & Beginners)
  /** Only these services, by their own names with `*` for any characters, open the cloud's metadata service to their servers. */
  | { readonly kind: "metadata"; readonly services: readonly string[] }
  /** Its image has served in that environment, so long (ms) in a row, without rollback or drift. */
  | { readonly kind: "soak"; readonly in: string; readonly forMs: number }
  /** So many persons, other than the one who begins it, have said yes to exactly its plan, each within this time (ms). */
  | { readonly kind: "approvals"; readonly count: number; readonly withinMs: number };

/** Who may begin rollouts, by the names of people, of trust rules, and of repositories that services follow. */
export interface Beginners {
  readonly people: readonly string[];
  readonly pipelines: readonly string[];
  readonly repositories: readonly string[];
}

/** The policy file as it was set last. */
export interface PolicyFile {
  /** Its name, for places: `policy.yaml`. */
  readonly name: string;
  readonly text: string;
  readonly rules: readonly PolicyRule[];
  readonly setAtMs: number;
  readonly setBy: string;
}

/** No rollout begins where it holds. With neither environment nor service: nowhere in the installation. */
export interface Freeze {
  readonly id: number;
  /** An environment, or `none`. */
  readonly environment: string | undefined;
  readonly service: ServiceKey | undefined;
  readonly reason: string;
  readonly by: string;
  readonly fromMs: number;
  /** Undefined: until someone lifts it. */
  readonly untilMs: number | undefined;
}

/** A rollout that someone let through against policies. Another person has to look at it. */
export interface Override {
  readonly rollout: number;
  readonly service: ServiceKey;
  readonly by: string;
  readonly person: Person;
  readonly reason: string;
  readonly atMs: number;
  /** What the policies had said, one clause each. */
  readonly against: readonly string[];
  /** Undefined: no one has looked at it yet. */
  readonly review: { readonly by: string; readonly reason: string; readonly atMs: number } | undefined;
}

/** Someone has said yes to a plan. */
export interface Approval {
  /** The only service whose plan it counts for. */
  readonly service?: ServiceKey | undefined;
  readonly by: string;
  readonly person: Person;
  readonly atMs: number;
}

/** Stands for services without an environment. */
const noEnvironment = "none";

/** The environment that policies see. */
export function environmentOf(service: ServiceKey): string {
  const dot = service.indexOf(".");
  return dot < 0 ? noEnvironment : service.slice(dot + 1);
}

export function isFrozenBy(freeze: Freeze, service: ServiceKey, nowMs: number): boolean {
  const { environment, service: only, untilMs = Number.POSITIVE_INFINITY } = freeze;
  if (nowMs >= untilMs) return false;
  if (only !== undefined) return only === service;
  return environment === undefined || environment === environmentOf(service);
}

/** What is frozen, in words. */
export function scopeOf({ environment, service }: Pick<Freeze, "environment" | "service">): string {
  if (service !== undefined) return service;
  if (environment === undefined) return "the whole installation";
  return environment === noEnvironment ? "every service without an environment" : environment;
}
