import type { PolicyRule } from "../../domain/policy/policy.ts";
import type { Window } from "../../domain/policy/windows.ts";
import { invalidSpec, placeAt, type SpecFinding } from "../rules/findings.ts";
import { knownKeys } from "../yaml/known-keys.ts";
import { parseYaml } from "../yaml/parse.ts";
import { findSpot, type MapTree, type Path, toValue } from "../yaml/tree.ts";
import { issueFindings, type KnownKeys } from "../yaml/words.ts";
import { environmentPolicy, type PolicyDocument, policyDocument, type WindowDocument } from "./schema.ts";

/** The rules of a policy file, in its order. `name` is for places. Throws `spec_invalid` with every problem and its place. */
export function readPolicy(name: string, text: string): readonly PolicyRule[] {
  const { documents, findings } = parseYaml(text, {
    keys: "a mapping with the key policies",
    hint: "docs/policy.md has an example.",
    example: "policies:",
  });
  const [tree, second] = documents;
  const more = second === undefined ? [] : [secondDocument(second.offset)];
  if (tree === undefined || findings.length > 0) throw invalidSpec(name, text, [...findings, ...more]);
  const result = policyDocument.safeParse(toValue(tree, isText));
  if (!result.success) {
    const issues = issueFindings(result.error.issues, tree, keysOf(tree), "a policy file");
    throw invalidSpec(name, text, [...issues, ...more]);
  }
  const reader = new Reader(tree, (offset) => placeAt(name, text, offset).line ?? 1);
  const rules = reader.rules(result.data);
  if (reader.findings.length + more.length > 0) throw invalidSpec(name, text, [...reader.findings, ...more]);
  return rules;
}

function keysOf(tree: MapTree): KnownKeys {
  const policies = tree.entries.get("policies")?.value;
  const environments = policies?.kind === "map" ? [...policies.entries.keys()] : [];
  const below = [...knownKeys(environmentPolicy)];
  return new Map([
    ...knownKeys(policyDocument),
    ...environments.flatMap((name) =>
      below.map(([path, keys]) => [["policies", name, path].filter(Boolean).join("."), keys] as const),
    ),
  ]);
}

/** `from: 9` is reported as what was written. */
function isText(path: Path): boolean {
  return path.includes("windows") && (path.at(-1) === "from" || path.at(-1) === "to");
}

function secondDocument(offset: number): SpecFinding {
  return { offset, message: "A second document begins here; expected one.", hint: "Remove the `---`." };
}

class Reader {
  readonly findings: SpecFinding[] = [];
  readonly #tree: MapTree;
  readonly #line: (offset: number) => number;

  constructor(tree: MapTree, line: (offset: number) => number) {
    this.#tree = tree;
    this.#line = line;
  }

  rules({ policies }: PolicyDocument): readonly PolicyRule[] {
    return Object.entries(policies).flatMap(
      ([environment, { from, windows = [], requires = {}, approvals, changes, metadata, reason }]) => {
        const path = ["policies", environment];
        const at = (...more: Path) => ({
          environment,
          line: this.#line(findSpot(this.#tree, [...path, ...more]).offset),
        });
        return [
          ...(from === undefined ? [] : [{ kind: "from" as const, ...from, ...at("from") }]),
          ...windows.flatMap((window, index) =>
            this.#windowRules(window, [...path, "windows", index], at("windows", index)),
          ),
          ...Object.entries(requires).map(([name, forMs]) => ({
            ...{ kind: "soak" as const, in: name, forMs },
            ...at("requires", name),
          })),
          ...(approvals === undefined
            ? []
            : [
                {
                  ...{ kind: "approvals" as const, count: approvals.count, withinMs: approvals.expires },
                  ...at("approvals"),
                },
              ]),
          ...(changes === undefined ? [] : [{ kind: "pipeline" as const, ...at("changes") }]),
          ...(metadata === undefined
            ? []
            : [{ kind: "metadata" as const, services: metadata, ...at("metadata") }]),
          ...(reason === undefined ? [] : [{ kind: "reason" as const, ...at("reason") }]),
        ];
      },
    );
  }

  #windowRules(
    { allow, deny }: NonNullable<PolicyDocument["policies"][string]["windows"]>[number],
    path: Path,
    at: Pick<PolicyRule, "environment" | "line">,
  ): readonly PolicyRule[] {
    if ((allow === undefined) === (deny === undefined)) {
      this.#find(path, "A window has either allow or deny; expected one of the two.");
      return [];
    }
    const kind = allow === undefined ? "deny" : "allow";
    const window = this.#window(allow ?? deny, [...path, kind]);
    return window === undefined ? [] : [{ kind, window, ...at }];
  }

  #window(written: WindowDocument | undefined, path: Path): Window | undefined {
    if (written === undefined) return undefined;
    const { days, from, to, zone } = written;
    const dated = [from, to].filter((moment) => moment !== undefined && moment.length > 5).length;
    if (dated === 0) return this.#weekly({ days, from, to, zone }, path);
    if (dated === 1 || days !== undefined || from === undefined || to === undefined) {
      return this.#find(path, "A window that comes once has a date in both from and to, and no days.");
    }
    if (from >= to)
      return this.#find(
        [...path, "to"],
        `The window ends at ${to}, before it begins; expected a later time.`,
      );
    return { from, to, zone };
  }

  #weekly({ days, from = "00:00", to = "24:00", zone }: WindowDocument, path: Path): Window | undefined {
    if (from === to || from === "24:00") {
      return this.#find(
        [...path, "from"],
        `The window begins at ${from} and ends at ${to}; expected two different times.`,
      );
    }
    return { days: days ?? [0, 1, 2, 3, 4, 5, 6], from, to, zone };
  }

  #find(path: Path, message: string): undefined {
    this.findings.push({ offset: findSpot(this.#tree, path).offset, message });
  }
}
