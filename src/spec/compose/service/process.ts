import { ulimitNames } from "../../../domain/spec/server-shape.ts";
import { type MapEntry, type MapTree, pathText, type YamlTree } from "../../yaml/tree.ts";
import { signalPattern } from "../../yaml/values.ts";
import type { Notes } from "../notes.ts";
import { size } from "./deploy.ts";
import { duration } from "./health.ts";

/** Keys of `servers` that say how the process of a server is run. */
export function processOf(
  service: ReadonlyMap<string, MapEntry>,
  notes: Notes,
): Readonly<Record<string, unknown>> {
  const stop = {
    ...given("signal", signal(service.get("stop_signal")?.value, notes)),
    ...given("grace", graceOf(service.get("stop_grace_period")?.value, notes)),
  };
  const ulimits = ulimitsOf(service.get("ulimits")?.value, notes);
  restartOf(service.get("restart")?.value, notes);
  return {
    ...(notes.isTrue(service.get("init")?.value) ? { init: true } : {}),
    ...(Object.keys(stop).length > 0 ? { stop } : {}),
    ...given("sharedMemory", size(service.get("shm_size")?.value, notes)),
    ...(Object.keys(ulimits).length > 0 ? { ulimits } : {}),
  };
}

/** Nothing where there is no value. */
export function given<T>(key: string, value: T | undefined): Readonly<Record<string, T>> {
  return value === undefined ? {} : { [key]: value };
}

function graceOf(tree: YamlTree | undefined, notes: Notes): string | undefined {
  return tree && duration(tree, notes);
}

function signal(tree: YamlTree | undefined, notes: Notes): string | undefined {
  const text = notes.text(tree)?.toUpperCase();
  if (tree === undefined || text === undefined || signalPattern.test(text)) return text;
  notes.error(tree, `\`${text}\` is not a signal that can end a server; expected one such as SIGQUIT.`);
  return undefined;
}

function restartOf(tree: YamlTree | undefined, notes: Notes): void {
  const text = notes.text(tree) ?? "always";
  if (tree === undefined || text === "always" || text === "unless-stopped") return;
  notes.remark(
    tree,
    `\`restart: ${text}\` is not taken over: a server that has ended is always replaced.`,
    "Something that runs once belongs into `jobs.before` or `jobs.after` of the service that needs it.",
  );
}

type Limit = number | "unlimited";

function ulimitsOf(tree: YamlTree | undefined, notes: Notes): Readonly<Record<string, unknown>> {
  const known: readonly string[] = ulimitNames;
  const limits: Record<string, unknown> = {};
  for (const [name, { value }] of notes.entries(tree)) {
    if (known.includes(name)) limits[name] = value.kind === "map" ? both(value, notes) : limit(value, notes);
    else
      notes.remark(
        value,
        `The limit \`${name}\` has no counterpart in kiln.yaml.`,
        `There are: ${known.join(", ")}.`,
      );
  }
  return limits;
}

function both(tree: MapTree, notes: Notes): object {
  const { soft, hard } = { soft: tree.entries.get("soft")?.value, hard: tree.entries.get("hard")?.value };
  if (soft && hard) return { soft: limit(soft, notes), hard: limit(hard, notes) };
  notes.error(tree, `\`${pathText(tree.path)}\` lacks a limit; expected soft and hard.`);
  return {};
}

/** -1 stands for no limit. */
function limit(tree: YamlTree, notes: Notes): Limit {
  const text = notes.text(tree, "a whole number, or -1") ?? "";
  const value = Number(text);
  if (text === "unlimited" || value === -1) return "unlimited";
  if (!Number.isInteger(value) || value < 0)
    notes.error(tree, `\`${text}\` is not a limit; expected a whole number, or -1 for none.`);
  return value;
}
