import { isSamePerson } from "../../domain/access/actor.ts";
import { type ImageDigest, type ServiceKey, serviceKey, serviceOf } from "../../domain/ids.ts";
import type { AdmissionRule } from "../../domain/policy/admission.ts";
import {
  type Approval,
  environmentOf,
  type Freeze,
  isFrozenBy,
  type PolicyFile,
  type PolicyRule,
  scopeOf,
} from "../../domain/policy/policy.ts";
import { type Window, windowText } from "../../domain/policy/windows.ts";
import type { Soak } from "./soak.ts";
import { nextOpening, openAt } from "./wall-time.ts";
import { fromVerdict, metadataVerdicts, pipelineVerdict, type StartedBy } from "./who.ts";

/** A rollout that is about to begin. */
export interface Starting extends StartedBy {
  readonly nowMs: number;
  /** The reason that is given for it. */
  readonly reason: string | undefined;
  /** Undefined: it is not built yet, and what is asked of it is left for later. */
  readonly image?: ImageDigest | undefined;
  /** The digest of its plan. Undefined: it is not made yet, and approvals are left for later. */
  readonly plan?: string | undefined;
}

/** What there is to decide by. */
export interface Policies {
  readonly file: PolicyFile | undefined;
  /** Those that hold, and perhaps some that are over. */
  readonly freezes: readonly Freeze[];
  /** Of a plan, by its digest. */
  readonly approvals: (plan: string) => readonly Approval[];
  /** How an image did as this service. */
  readonly soak: (service: ServiceKey, image: ImageDigest) => Soak;
}

/** Whether the rollout of a deploy may begin: one verdict for each rule that concerns it. Rollbacks are never asked about. */
export function decide(starting: Starting, policies: Policies): readonly AdmissionRule[] {
  const { service, nowMs } = starting;
  const { file, freezes } = policies;
  const rules = rulesFor(file, service);
  const at = (line: number) => `${file?.name}:${line}`;
  let opens: string | undefined;
  const opening = () => {
    opens ??= openingText(rules, frozenBy(freezes, service, nowMs), nowMs);
    return opens;
  };
  return [
    ...decideByTime(starting, policies).map((rule) =>
      rule.kind === "window" && !rule.passed ? { ...rule, remedy: opening() } : rule,
    ),
    ...rules.flatMap((rule) => {
      if (rule.kind === "reason") return [reasonVerdict(starting, at(rule.line))];
      if (rule.kind === "from") return [fromVerdict(starting, rule, at(rule.line))];
      if (rule.kind === "metadata") return metadataVerdicts(starting, rule, at(rule.line));
      if (rule.kind === "pipeline") return [pipelineVerdict(starting, rule, at(rule.line))];
      if (rule.kind === "approvals") return approvalVerdicts(starting, rule, at(rule.line), policies);
      return rule.kind === "soak" ? soakVerdicts(starting, rule, at(rule.line), policies) : [];
    }),
  ];
}

/** What freezes and windows say, without when that will be another: also of a moment to come. */
export function decideByTime(
  { service, nowMs }: Pick<Starting, "service" | "nowMs">,
  { file, freezes }: Pick<Policies, "file" | "freezes">,
): readonly AdmissionRule[] {
  return [
    ...frozenBy(freezes, service, nowMs).map(freezeVerdict),
    ...windowVerdicts(rulesFor(file, service), nowMs, (line) => `${file?.name}:${line}`),
  ];
}

function frozenBy(freezes: readonly Freeze[], service: ServiceKey, nowMs: number): readonly Freeze[] {
  return freezes.filter((freeze) => isFrozenBy(freeze, service, nowMs));
}

/** Whether the transport has said so of an actor: only one that pipelines come by does. */
export function isPipeline(actor: object): boolean {
  if ("via" in actor && actor.via === "source") return true;
  return "kind" in actor && actor.kind === "ci";
}

export function rulesFor(file: PolicyFile | undefined, service: ServiceKey): readonly PolicyRule[] {
  return (file?.rules ?? []).filter(({ environment }) => isFor(environment, service));
}

function isFor(environment: string, service: ServiceKey): boolean {
  return environment === "*" || environment === environmentOf(service);
}

function freezeVerdict(freeze: Freeze): AdmissionRule {
  const { id, reason, by, fromMs, untilMs } = freeze;
  const until = untilMs === undefined ? "until someone lifts it" : `until ${utcText(untilMs)}`;
  return {
    ...{ kind: "freeze", mode: "enforce", passed: false, place: `freeze ${id}` },
    because: `${by} has frozen ${scopeOf(freeze)} since ${utcText(fromMs)}, ${until}: ${reason}`,
    remedy: `\`kiln unfreeze ${id}\` lifts it.`,
  };
}

/** Of the windows that allow, one is enough; each that denies counts by itself. */
function windowVerdicts(
  rules: readonly PolicyRule[],
  nowMs: number,
  at: (line: number) => string,
): readonly AdmissionRule[] {
  const isNow = openAt(nowMs);
  const verdict = (rule: { readonly line: number }, passed: boolean, because: string): AdmissionRule => ({
    ...{ kind: "window", mode: "enforce", passed, place: at(rule.line), because },
  });
  const allowing = windowsOf(rules, "allow");
  const open = allowing.find(({ window }) => isNow(window));
  const chosen = open ?? allowing[0];
  const closed = windowsOf(rules, "deny").filter(({ window }) => isNow(window));
  return [
    ...(chosen === undefined
      ? []
      : [
          open === undefined
            ? verdict(chosen, false, `no rollout begins outside ${allowing.map(textOf).join(" or ")}`)
            : verdict(chosen, true, `within ${textOf(open)}`),
        ]),
    ...closed.map((rule) => verdict(rule, false, `no rollout begins within ${textOf(rule)}`)),
  ];
}

interface WindowRule {
  readonly line: number;
  readonly window: Window;
}

function windowsOf(rules: readonly PolicyRule[], kind: "allow" | "deny"): readonly WindowRule[] {
  return rules.flatMap((rule) => (rule.kind === kind ? [rule] : []));
}

function textOf({ window }: WindowRule): string {
  return windowText(window);
}

function openingText(rules: readonly PolicyRule[], frozen: readonly Freeze[], nowMs: number): string {
  const allowing = windowsOf(rules, "allow").map(({ window }) => window);
  const denying = windowsOf(rules, "deny").map(({ window }) => window);
  const ends = frozen.map(({ untilMs = Number.POSITIVE_INFINITY }) => untilMs);
  const isOpen = (atMs: number) => {
    const isThen = openAt(atMs);
    const isAllowed = allowing.length === 0 || allowing.some(isThen);
    return isAllowed && ends.every((end) => atMs >= end) && !denying.some(isThen);
  };
  const opensMs = nextOpening([...allowing, ...denying], ends.filter(Number.isFinite), nowMs, isOpen);
  return opensMs === undefined
    ? "No time is known at which one may."
    : `Rollouts may begin from ${utcText(opensMs)}.`;
}

function reasonVerdict({ reason }: Starting, place: string): AdmissionRule {
  const passed = reason !== undefined;
  return {
    ...{ kind: "reason", mode: "enforce", passed, place },
    because: passed ? "a reason is given" : "no reason is given",
    ...(passed ? {} : { remedy: "`--reason TEXT` gives one." }),
  };
}

/** The person who begins it does not count, nor does anyone twice. */
function approvalVerdicts(
  { plan, service, person, nowMs }: Starting,
  { count, withinMs }: Extract<PolicyRule, { readonly kind: "approvals" }>,
  place: string,
  { approvals }: Policies,
): readonly AdmissionRule[] {
  if (plan === undefined) return [];
  const counted: Approval[] = [];
  for (const approval of approvals(plan)) {
    if (approval.service !== undefined && approval.service !== service) continue;
    const isSpent = nowMs - approval.atMs >= withinMs;
    const counts = [person, ...counted.map((other) => other.person)];
    if (!isSpent && !counts.some((other) => isSamePerson(other, approval.person))) counted.push(approval);
  }
  const passed = counted.length >= count;
  const names = counted.map(({ by }) => by).join(" and ") || "no one";
  const expected = `expected ${count === 1 ? "one person" : `${count} persons`} other than ${person.name}`;
  return [
    {
      ...{ kind: "approvals", mode: "enforce", passed, place },
      because: `${names} approved this plan${passed ? "" : `; ${expected}`}`,
      ...(passed
        ? {}
        : {
            remedy: `Someone else who has seen this plan approves it with \`kiln approve ${plan}\`; an approver of some services adds \`--service ${service}\`.`,
          }),
    },
  ];
}

function soakVerdicts(
  { service, image, nowMs }: Starting,
  rule: Extract<PolicyRule, { readonly kind: "soak" }>,
  place: string,
  { soak }: Policies,
): readonly AdmissionRule[] {
  if (image === undefined) return [];
  const name = serviceOf(service);
  const { longestMs, serves, spoiled } = soak(serviceKey(name, rule.in), image);
  const passed = longestMs >= rule.forMs;
  const has = `its image has served in ${rule.in} for ${durationText(longestMs)} without rollback or drift`;
  const but = spoiled === undefined ? has : `${has}: ${spoiled}`;
  const remedy = serves
    ? `Without rollback or drift it may begin from ${utcText(Math.ceil((nowMs + rule.forMs - longestMs) / 60_000) * 60_000)}.`
    : `\`kiln promote ${name} --to ${rule.in}\` brings it there.`;
  return [
    {
      ...{ kind: "soak", mode: "enforce", passed, place },
      because: passed ? has : `${but}; expected ${durationText(rule.forMs)}`,
      ...(passed ? {} : { remedy }),
    },
  ];
}

/** `0 min`, `2 h 5 min`: never more than it was. */
function durationText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `2026-11-30 02:00 UTC`. */
function utcText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
