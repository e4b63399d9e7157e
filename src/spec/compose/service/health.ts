import type { YamlTree } from "../../yaml/tree.ts";
import type { Notes } from "../notes.ts";
import { durationOf } from "../units.ts";
import { argvOf } from "./command.ts";

/** `health`, in the order of its keys; undefined for the default. */
export type ComposeHealth = Readonly<Record<string, string | number>>;

/** A command that only asks for a page becomes an HTTP check; any other one cannot be taken over, because it runs in the server. */
export function healthOf(
  tree: YamlTree | undefined,
  port: number | undefined,
  notes: Notes,
): ComposeHealth | undefined {
  if (tree === undefined) return undefined;
  const entries = notes.entries(tree);
  const test = entries.get("test")?.value;
  const isOff = notes.isTrue(entries.get("disable")?.value) || (test && argvOf(test, notes)[0] === "NONE");
  if (isOff && port !== undefined)
    notes.remark(
      tree,
      `The health check is off; Kiln checks that port ${port} accepts connections.`,
      "Without `servers.port` a server is healthy while its process runs.",
    );
  if (isOff) return undefined;
  const http = test && httpPath(argvOf(test, notes).join(" "), port);
  if (test !== undefined && http === undefined) {
    const instead = port === undefined ? "that its process runs" : `that port ${port} accepts connections`;
    notes.remark(
      test,
      `A health check that runs a command in the server cannot be taken over: that is what an intruder does. Kiln checks ${instead}.`,
      "If the program answers HTTP, write `health: { http: /PATH }`.",
    );
  }
  const health: Record<string, string | number> = http === undefined ? {} : { http };
  const keys = { start_period: "startPeriod", interval: "interval", timeout: "timeout" } as const;
  for (const [theirs, ours] of Object.entries(keys)) {
    const at = entries.get(theirs)?.value;
    const value = at && duration(at, notes);
    if (value !== undefined) health[ours] = value;
  }
  const retries = entries.get("retries")?.value;
  const count = retries && Number(notes.text(retries));
  if (count !== undefined && count >= 1 && count <= 100) health.unready = count;
  for (const [key, { value }] of entries)
    if (!known.has(key))
      notes.remark(
        value,
        `\`healthcheck.${key}\` has no counterpart in kiln.yaml.`,
        "`health.interval` holds while a server starts, too.",
      );
  return Object.keys(health).length === 0 ? undefined : health;
}

const known = new Set(["test", "disable", "start_period", "interval", "timeout", "retries"]);

/** Of a command that asks this server itself by curl or wget. */
function httpPath(command: string, port: number | undefined): string | undefined {
  if (!/\b(curl|wget)\b/.test(command)) return undefined;
  const [, written = "80", path = "/"] =
    /(?:http:\/\/)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::(\d+))?(\/[^\s"'|;&]*)?/.exec(command) ?? [];
  return Number(written) === port && !/https:\/\//.test(command) ? path : undefined;
}

export function duration(at: YamlTree, notes: Notes): string | undefined {
  const text = notes.text(at, "a duration, such as 30s") ?? "";
  const value = durationOf(text);
  if (value === undefined)
    notes.error(at, `\`${text}\` is not a duration; expected one such as 30s or 1m30s.`);
  return value;
}
