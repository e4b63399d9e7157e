import type { z } from "zod";
import { nearest } from "../../lib/nearest.ts";
import type { SpecFinding } from "../rules/findings.ts";
import { findSpot, type Path, pathText, type Spot, type YamlTree } from "./tree.ts";

type Issue = z.core.$ZodIssue;

/** Keys of every mapping of the spec, by the mapping's path: `image` -> version, from, ... Lists count as `[]`. */
export type KnownKeys = ReadonlyMap<string, readonly string[]>;

/** zod's issues in Kiln's words, without issues below a value that is already reported. */
export function issueFindings(
  issues: readonly Issue[],
  root: YamlTree,
  keys: KnownKeys,
  whole = "a service",
): SpecFinding[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
    const spot = findSpot(root, path);
    if (spot.tree?.kind === "broken") return [];
    if (issue.code === "invalid_union") {
      const meant = issue.errors.find((errors) => errors.every((error) => !isOtherKind(error)));
      if (meant)
        return issueFindings(
          meant.map((error) => below(error, path)),
          root,
          keys,
          whole,
        );
    }
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => unknownKey(findSpot(root, [...path, key]), path, key, { keys, whole }));
    }
    return [issue.code === "invalid_key" ? wrongName(issue, spot) : wrongValue(issue, spot)];
  });
}

/** Whether a value is not of the kind (text, mapping) that this branch of a union is for. */
function isOtherKind(issue: Issue): boolean {
  return issue.code === "invalid_type" && issue.path.length === 0;
}

function below(issue: Issue, path: Path): Issue {
  return { ...issue, path: [...path, ...issue.path] };
}

function wrongName(issue: Issue & { code: "invalid_key" }, spot: Spot): SpecFinding {
  const expected = issue.issues[0]?.message ?? "another name";
  const message = `${quoted(spot.path)} is not a valid name; expected ${expected}.`;
  return { offset: spot.offset, message };
}

function wrongValue(issue: Issue, spot: Spot): SpecFinding {
  const [expected = "", remedy] = issue.message.split("\n");
  const offset = spot.offset;
  if (!spot.tree) return { offset, message: `${quoted(spot.path)} is missing; expected ${expected}.` };
  const hint = remedy ?? generalHint(issue, spot.tree);
  return { offset, message: `${quoted(spot.path)} is ${describe(spot.tree)}; expected ${expected}.`, hint };
}

function generalHint(issue: Issue, tree: YamlTree): string | undefined {
  if (tree.kind !== "scalar") return undefined;
  if (tree.value === null) return emptyHint(issue);
  if (issue.code === "invalid_value" && typeof tree.value === "string") {
    const meant = nearest(tree.value, issue.values.map(String));
    return meant === undefined ? undefined : `Did you mean \`${meant}\`?`;
  }
  const isNumber = issue.code === "invalid_type" && /^(number|int)$/.test(issue.expected);
  if (isNumber && typeof tree.value === "string" && /^-?\d+(\.\d+)?$/.test(tree.value)) {
    return `Remove the quotes: ${tree.value}.`;
  }
  if (issue.code === "invalid_type" && issue.expected === "array")
    return `Write it in brackets: [${tree.text}].`;
  return undefined;
}

function emptyHint(issue: Issue): string {
  const isMap = issue.code === "invalid_type" && /^(object|record)$/.test(issue.expected);
  if (isMap) return "Write its keys below it, indented, or `{}` if there are none.";
  return "Write a value after the colon, or remove the key.";
}

function unknownKey(
  spot: Spot,
  parent: Path,
  key: string,
  { keys: known, whole }: { readonly keys: KnownKeys; readonly whole: string },
): SpecFinding {
  const home = keysPath(parent);
  const siblings = known.get(home) ?? [];
  const where = parent.length === 0 ? whole : quoted(spot.path.slice(0, -1));
  return {
    offset: spot.offset,
    message: `\`${key}\` is not a key of ${where}; expected one of ${siblings.join(", ")}.`,
    hint: keyHint(key, siblings, known),
  };
}

function keyHint(key: string, siblings: readonly string[], known: KnownKeys): string | undefined {
  const other = synonyms.get(key.toLowerCase());
  if (other) return `Kiln's word for it is \`${other}\`.`;
  const elsewhere = [...known].find(([, keys]) => keys.includes(key));
  if (elsewhere)
    return `\`${key}\` belongs in ${elsewhere[0] === "" ? "the service itself" : `\`${elsewhere[0]}\``}.`;
  const meant = nearest(key, siblings);
  return meant && `Did you mean \`${meant}\`?`;
}

/** Words of other tools for things that have another name in Kiln. */
const synonyms: ReadonlyMap<string, string> = new Map([
  ["replicas", "servers.count"],
  ["instances", "servers.count"],
  ["scale", "servers.count"],
  ["environment", "servers.env"],
  ["ports", "servers.port"],
  ["cmd", "image.command"],
  ["entrypoint", "image.command"],
  ["copy", "image.files"],
  ["volumes", "servers.writable"],
  ["tmpfs", "servers.writable"],
  ["healthcheck", "health"],
  ["deploy", "rollout"],
  ["name", "service"],
]);

function keysPath(path: Path): string {
  return pathText(path.map((step) => (typeof step === "number" ? "[]" : step))).replaceAll(".[]", "[]");
}

function describe(tree: YamlTree): string {
  if (tree.kind === "map") return "a mapping";
  if (tree.kind === "list") return tree.items.length === 0 ? "an empty list" : "a list";
  if (tree.kind !== "scalar") return "unreadable";
  if (tree.value === null) return "empty";
  if (typeof tree.value === "number") return `the number ${shortened(tree.text)}`;
  return typeof tree.value === "boolean" ? tree.text : `the text ${JSON.stringify(shortened(tree.value))}`;
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length <= 60 ? text : `${characters.slice(0, 57).join("")}...`;
}

function quoted(path: Path): string {
  return path.length === 0 ? "the document" : `\`${pathText(path)}\``;
}
