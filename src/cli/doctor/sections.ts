import type { IntegrityTier } from "../../domain/drift/drift.ts";
import { localTarget } from "../../domain/target.ts";
import type { Gap, ProbedTarget, Trouble } from "../api.ts";

/** What the doctor has found in one respect. */
export interface Section {
  readonly name: string;
  readonly facts: readonly string[];
  readonly gaps: readonly Gap[];
  /** How soon each kind of change to a server is detected. */
  readonly integrity?: IntegrityTier | undefined;
  /** It is about another target than this machine. */
  readonly isElsewhere?: boolean;
}

/**
 * One section for each place where servers run, this machine first. What this machine lacks is only a remark to someone
 * who runs no servers on it. `targets`: as the controller knows them; empty without one.
 */
export function placeSections(here: Section, targets: readonly ProbedTarget[]): readonly Section[] {
  const elsewhere = targets.filter(({ name }) => name !== localTarget.name).map(targetSection);
  const local = targets.find(({ name }) => name === localTarget.name);
  const isUsed = local === undefined || local.services.length > 0 || elsewhere.length === 0;
  return [isUsed ? here : aside(here), ...elsewhere];
}

export function isFatal({ severity }: Gap): boolean {
  return severity === "fatal";
}

function targetSection({ name, platform, trouble, warnings, readiness }: ProbedTarget): Section {
  const { facts, gaps, integrity } = readiness;
  const silence = trouble === undefined || !readiness.usable ? [] : [silenceGap(trouble)];
  return {
    name: `Target ${name} (${platform})`,
    facts,
    gaps: [...silence, ...warnings.map(warningGap), ...gaps],
    integrity,
    isElsewhere: true,
  };
}

function warningGap({ message, hint }: ProbedTarget["warnings"][number]): Gap {
  return { what: message, remedy: hint ?? "The controller tries again by itself.", severity: "degraded" };
}

function silenceGap({ message, hint }: Trouble): Gap {
  return { what: message, remedy: hint ?? "The controller asks again by itself.", severity: "fatal" };
}

function aside(section: Section): Section {
  return { ...section, gaps: section.gaps.map((gap) => ({ ...gap, severity: "degraded" })) };
}
