import type { SpecFinding } from "./rules/findings.ts";
import { ladderFindings } from "./rules/ladder.ts";
import { breaches } from "./rules/rules.ts";
import { documentSchema, isWrittenText, type SpecDocument } from "./schema/document.ts";
import { knownKeys } from "./yaml/known-keys.ts";
import { findSpot, type MapTree, merge, type Path, pathText, toValue, type YamlTree } from "./yaml/tree.ts";
import { issueFindings } from "./yaml/words.ts";

/** One document, or one with an environment merged over it. */
export interface Variant {
  readonly environment: string | undefined;
  readonly tree: MapTree;
  /** Undefined when it has a problem. */
  readonly document: SpecDocument | undefined;
  /** The sections that are valid on their own. */
  readonly sections: Partial<SpecDocument>;
}

export interface ValidatedDocument {
  /** As written, without its environments. */
  readonly base: Variant;
  readonly environments: ReadonlyMap<string, Variant>;
  readonly findings: readonly SpecFinding[];
}

const keys = knownKeys(documentSchema);

/** Keys that cannot differ by environment. */
const wholeKeys = ["service", "ladder", "environments"];

/** Each makes another document of the whole. */
const mostEnvironments = 64;

/** Validates the document alone and with each of its environments, so that a mistake in one shows before its first use. */
export function validateDocument(root: MapTree): ValidatedDocument {
  const findings: SpecFinding[] = [];
  const base = validate(root, undefined, findings);
  findings.push(...ladderFindings(root));
  const environments = new Map<string, Variant>();
  const overlays = root.entries.get("environments")?.value;
  if (overlays?.kind === "map" && overlays.entries.size > mostEnvironments) {
    findings.push({
      offset: overlays.offset,
      message: `\`environments\` has ${overlays.entries.size} of them; expected at most ${mostEnvironments}.`,
      hint: "Give what differs a service of its own.",
    });
    return { base, environments, findings };
  }
  for (const [name, { value: overlay }] of overlays?.kind === "map" ? overlays.entries : []) {
    if (overlay.kind !== "map") continue; // reported with the base
    findings.push(...misplacedKeys(overlay));
    environments.set(
      name,
      validate(merge(without(root, "environments"), without(overlay, ...wholeKeys)), name, findings),
    );
  }
  return { base, environments, findings };
}

function validate(tree: MapTree, environment: string | undefined, findings: SpecFinding[]): Variant {
  const value = toValue(tree, isWrittenText);
  // A process checks one document or a few: to generate code for that takes longer than the check.
  const result = documentSchema.safeParse(value, { jitless: true });
  const issues = result.success ? [] : issueFindings(result.error.issues, tree, keys);
  const sections = result.success ? result.data : validSections(value);
  const broken = hasBroken(tree) ? [] : ruleFindings(tree, sections);
  findings.push(...issues, ...broken);
  const valid = result.success && broken.length === 0;
  return { environment, tree, sections, document: valid ? result.data : undefined };
}

function ruleFindings(tree: MapTree, document: Partial<SpecDocument>): SpecFinding[] {
  const given = (path: Path) => findSpot(tree, path).tree !== undefined;
  return breaches({ document, given }).map(({ path, message, hint }) => ({
    offset: findSpot(tree, path).offset,
    message,
    hint,
  }));
}

/** The sections of an invalid document that are valid on their own. */
function validSections(value: unknown): Partial<SpecDocument> {
  const record = value as Record<string, unknown>;
  const sections = Object.entries(documentSchema.shape).flatMap(([key, schema]) => {
    const result = schema.safeParse(record[key]);
    return result.success ? [[key, result.data]] : [];
  });
  return Object.fromEntries(sections) as Partial<SpecDocument>;
}

function hasBroken(tree: YamlTree): boolean {
  if (tree.kind === "map") return [...tree.entries.values()].some((entry) => hasBroken(entry.value));
  return tree.kind === "list" ? tree.items.some(hasBroken) : tree.kind === "broken";
}

function misplacedKeys(overlay: MapTree): SpecFinding[] {
  return wholeKeys.flatMap((key) => {
    const entry = overlay.entries.get(key);
    if (!entry) return [];
    const message = `\`${pathText([...overlay.path, key])}\` cannot differ by environment; expected it only at the top of the document.`;
    return [{ offset: entry.keyOffset, message, hint: "Remove it here." }];
  });
}

function without(map: MapTree, ...dropped: readonly string[]): MapTree {
  return { ...map, entries: new Map([...map.entries].filter(([key]) => !dropped.includes(key))) };
}
