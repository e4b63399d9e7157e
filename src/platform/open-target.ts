import type { z } from "zod";
import type { Target } from "../domain/target.ts";
import { KilnError, type Problem } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { OpenedTarget, PlatformKind, Surroundings } from "./registry.ts";

type Platforms = Readonly<Record<string, PlatformKind>>;
type Wanted = Pick<Target, "name" | "platform" | "options">;

/** Throws `target_invalid` for an unknown platform or wrong options, and `target_taken` for another target of a platform that has one only. */
export function requireValid(platforms: Platforms, { name, platform, options }: Wanted): void {
  const kind = kindOf(platforms, platform);
  if (kind.only !== undefined && kind.only !== name) {
    throw new KilnError("target_taken", `The platform ${platform} has one target only: ${kind.only}.`, {
      hint: `It is always there. Other platforms: ${listOf(platforms, (it) => it.only === undefined)}.`,
    });
  }
  parseOptions(kind, platform, options);
}

/** The target's platform, which contacts nothing yet. Throws `target_invalid` for what another version of Kiln has recorded. */
export async function openTarget(
  platforms: Platforms,
  around: Surroundings,
  target: Target,
): Promise<OpenedTarget> {
  const kind = kindOf(platforms, target.platform);
  return kind.open(around, target, parseOptions(kind, target.platform, target.options));
}

function kindOf(platforms: Platforms, platform: string): PlatformKind {
  const kind = Object.hasOwn(platforms, platform) ? platforms[platform] : undefined;
  if (kind !== undefined) return kind;
  const meant = nearest(platform, Object.keys(platforms));
  throw new KilnError("target_invalid", `Kiln has no platform ${platform}.`, {
    hint: meant === undefined ? `There are: ${listOf(platforms)}.` : `Did you mean ${meant}?`,
  });
}

function listOf(platforms: Platforms, which: (kind: PlatformKind) => boolean = () => true): string {
  const chosen = Object.entries(platforms).filter(([, kind]) => which(kind));
  return chosen.map(([name, { summary }]) => `${name} (${summary})`).join(", ") || "none";
}

function parseOptions(kind: PlatformKind, platform: string, options: Target["options"]) {
  const result = kind.options.safeParse(options);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => problemsOf(kind, platform, issue));
  throw new KilnError("target_invalid", `The options of the platform ${platform} are not valid.`, {
    problems,
    hint: `Its options: ${optionsOf(kind)}.`,
  });
}

function problemsOf({ options }: PlatformKind, platform: string, issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const meant = nearest(key, Object.keys(options.shape));
      const message = `The platform ${platform} has no option ${key}.`;
      return { message, ...(meant === undefined ? {} : { hint: `Did you mean ${meant}?` }) };
    });
  }
  const key = String(issue.path[0] ?? "");
  const isMissing = issue.code === "invalid_type" && issue.input === undefined;
  return [{ message: `The option ${key} ${isMissing ? "is missing" : `is not valid: ${issue.message}`}.` }];
}

function optionsOf({ options }: PlatformKind): string {
  const all = Object.entries(options.shape).map(([name, schema]) => {
    const { description } = schema as z.ZodType;
    return description === undefined ? name : `${name} (${description.replace(/\.$/, "")})`;
  });
  return all.join(", ") || "none";
}
