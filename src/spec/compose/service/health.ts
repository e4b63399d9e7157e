import type { YamlTree } from "../../yaml/tree.ts";
import type { Notes } from "../notes.ts";
import { durationOf } from "../units.ts";
import { argvOf } from "./command.ts";
import type { Ports } from "./ports.ts";

/** `health`, in the order of its keys; undefined for the default. */
export type ComposeHealth = Readonly<Record<string, string | number>>;

/** A command that only asks for a page becomes an HTTP check; any other one cannot be taken over, because it runs in the server. */
export function healthOf(tree: YamlTree | undefined, ports: Ports, notes: Notes): ComposeHealth | undefined {
  if (tree === undefined) return undefined;
  const entries = notes.entries(tree);
  const test = entries.get("test")?.value;
  const isOff = notes.isTrue(entries.get("disable")?.value) || (test && argvOf(test, notes)[0] === "NONE");
  const { port } = ports;
  if (isOff && port !== undefined)
    notes.remark(
      tree,
      `The health check is off; Kiln checks ${ownCheck(ports)}.`,
      "Without `servers.port` a server is healthy while its process runs.",
    );
  if (isOff) return undefined;
  const http = test && httpCheck(argvOf(test, notes).join(" "), ports);
  if (test !== undefined && http === undefined)
    notes.remark(
      test,
      `A health check that runs a command in the server cannot be taken over: that is what an intruder does. Kiln checks ${ownCheck(ports)}.`,
      "If the program answers HTTP, write `health: { http: /PATH }`.",
    );
  const health: Record<string, string | number> = { ...http };
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

/** What `health` does without a key. */
function ownCheck({ port, traffic }: Ports): string {
  if (port === undefined) return "that its process runs";
  return `that ${traffic?.mode === "udp" ? `it has port ${port} of UDP open` : `port ${port} accepts connections`}`;
}

/** Of a command that asks this server itself by curl or wget: at `servers.port`, or with UDP at another port. */
function httpCheck(command: string, { port, traffic }: Ports): ComposeHealth | undefined {
  if (!/\b(curl|wget)\b/.test(command) || /https:\/\//.test(command)) return undefined;
  const asked = /(?:http:\/\/)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::(\d+))?(\/[^\s"'|;&]*)?/.exec(
    command,
  );
  if (asked === null) return undefined;
  const [, written = "80", path = "/"] = asked;
  if (Number(written) === port) return { http: path };
  return traffic?.mode === "udp" ? { http: path, port: Number(written) } : undefined;
}

export function duration(at: YamlTree, notes: Notes): string | undefined {
  const text = notes.text(at, "a duration, such as 30s") ?? "";
  const value = durationOf(text);
  if (value === undefined)
    notes.error(at, `\`${text}\` is not a duration; expected one such as 30s or 1m30s.`);
  return value;
}
