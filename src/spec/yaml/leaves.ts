import { z } from "zod";
import { parseIgnorePattern } from "../../lib/ignore-patterns.ts";
import * as v from "./values.ts";

/**
 * The kinds of values that kiln.yaml has. The message of every zod issue says what was expected; an optional
 * second line is the remedy (`words.ts` separates them).
 */
export type Hint = (found: unknown) => string | undefined;

interface TextRule<T> {
  readonly expected: string;
  readonly pattern: RegExp;
  readonly examples?: readonly string[];
  readonly parse?: (text: string) => T | undefined;
  readonly hint?: Hint;
}

/** A text of this grammar; `parse` returns the value, or undefined to refuse the text. */
export function text<T = string>(rule: TextRule<T>) {
  const error = (found: unknown) => words(rule.expected, rule.hint?.(found));
  return z
    .string({ error: (issue) => error(issue.input) })
    .meta(rule.examples ? { examples: [...rule.examples] } : {})
    .regex(rule.pattern, { error: (issue) => error(issue.input), abort: true })
    .transform((found, context) => {
      const value = rule.parse ? rule.parse(found) : (found as T);
      if (value !== undefined) return value;
      context.issues.push({ code: "custom", input: found, message: error(found) });
      return z.NEVER;
    });
}

function words(expected: string, hint: string | undefined): string {
  return hint === undefined ? expected : `${expected}\n${hint}`;
}

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number, what = "a whole number") {
  const error = `${what} from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

export const port = () => whole(1, 65_535, "a port");

export function oneOf<const T extends readonly [string, ...string[]]>(...words: T) {
  return z.enum(words, { error: `one of ${words.join(", ")}` });
}

/** A list; `what` names its items in the plural. */
export function list<T extends z.ZodType>(item: T, what: string) {
  return z.array(item, { error: `a list of ${what}` });
}

const longestDurationMs = 7 * 24 * 3_600_000;

/** Milliseconds. At least `leastMs`, at most seven days. */
export function duration(least: "0s" | "10ms" | "1s" | "1m") {
  const leastMs = v.parseDuration(least) ?? 0;
  return text({
    expected: `a duration such as 500ms, 10s, 5m or 1h30m, from ${least} to 168h`,
    pattern: v.durationPattern,
    examples: ["500ms", "10s", "5m", "1h30m"],
    parse: (found) => {
      const ms = v.parseDuration(found);
      return ms !== undefined && ms >= leastMs && ms <= longestDurationMs ? ms : undefined;
    },
    hint: durationHint,
  });
}

const durationHint: Hint = (found) => {
  if (typeof found === "number") return `Add the unit: ${found}s, or ${found}ms for milliseconds.`;
  if (typeof found !== "string") return undefined;
  if (/^\d+$/.test(found)) return `Add the unit: ${found}s, or ${found}ms for milliseconds.`;
  if (/^\d+d$/.test(found)) return `Write days in hours: ${Number.parseInt(found, 10) * 24}h.`;
  const tight = found.replaceAll(/\s+/g, "").toLowerCase();
  if (tight !== found && v.durationPattern.test(tight)) return `Write ${tight}.`;
  return /\d\.\d/.test(found) ? "Use whole numbers: 1500ms rather than 1.5s." : undefined;
};

/** Bytes, at least one. */
export const size = () =>
  text({
    expected: "a size such as 512KiB, 256MiB or 1GiB (or decimal: 256MB, 1GB)",
    pattern: v.sizePattern,
    examples: ["256MiB", "1GiB"],
    parse: (found) => {
      const bytes = v.parseSize(found);
      return bytes !== undefined && bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
    },
    hint: sizeHint,
  });

const sizeHint: Hint = (found) => {
  if (typeof found === "number") return `Add the unit: ${found}MiB.`;
  if (typeof found !== "string") return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?$/i.exec(found);
  if (!match) return undefined;
  return `Write ${match[1]}${(match[2] || "M").toUpperCase()}iB.`;
};

export const mode = () =>
  text({
    expected: 'an octal mode in quotes, such as "0644"',
    pattern: v.modePattern,
    examples: ["0644", "0755"],
    parse: (found) => Number.parseInt(found, 8),
    hint: (found) =>
      typeof found === "number"
        ? 'Put the mode in quotes, as in "0644": without quotes YAML reads a decimal number.'
        : undefined,
  });

/** As in a `.dockerignore`. */
export const ignorePattern = () =>
  text({
    expected: "a pattern as in a .dockerignore, such as node_modules, **/*.log or !keep.log",
    pattern: /^[^\0]{1,1000}$/,
    examples: ["node_modules", "**/*.log"],
    parse: (found) => (parseIgnorePattern(found) === undefined ? undefined : found),
    hint: (found) =>
      typeof found === "string" && found.startsWith("#")
        ? "Write YAML comments outside the quotes."
        : undefined,
  });

export const containerPath = (expected = "an absolute path in the image, such as /srv/www") =>
  text({
    expected,
    pattern: v.containerPathPattern,
    hint: (found) => {
      if (typeof found !== "string") return undefined;
      const path = v.normalisedPath(found);
      return path ? `Write ${path}.` : "Write the full path from the root, without `..`.";
    },
  });

/** As `containerPath`, or the root itself: a folder's content may go anywhere. */
export const targetPath = () =>
  text({
    expected: "an absolute path in the image, such as /srv/www",
    pattern: v.targetPathPattern,
    hint: (found) => {
      const path = typeof found === "string" ? v.normalisedPath(found) : undefined;
      return path === undefined ? "Write the full path from the root, without `..`." : `Write ${path}.`;
    },
  });

/** A path on this machine, inside the project or not; relative paths start at the folder of kiln.yaml. */
export const machinePath = (expected: string) =>
  text({
    expected,
    pattern: v.machinePathPattern,
    hint: (found) =>
      typeof found === "string" && found.startsWith("~")
        ? "Write the full path: only shells expand `~`."
        : undefined,
  });

export const hostName = () =>
  text({
    expected: "a host name such as shop.example.com",
    pattern: v.hostPattern,
    examples: ["shop.example.com"],
    parse: v.plainHost,
    hint: (found) =>
      typeof found === "string" && found.startsWith("*.")
        ? `Write \`hosts: ["${found}"]\` for a wildcard, or leave out \`host\` to accept every host.`
        : hostHint(found),
  });

export const hostOrWildcard = () =>
  text({
    expected: "a host name such as shop.example.com, or a wildcard such as *.example.com",
    pattern: v.hostOrWildcardPattern,
    examples: ["shop.example.com", "*.example.com"],
    parse: v.plainHost,
    hint: hostHint,
  });

const hostHint: Hint = (found) => {
  if (typeof found !== "string") return undefined;
  if (found.includes("*")) return "A star can only stand for the whole first label: `*.example.com`.";
  if (found.includes("/"))
    return "Write only the name, without scheme and path: paths belong in `traffic.paths`.";
  if (/:\d*$/.test(found)) return "Write only the name; the port is `traffic.listen`.";
  return /[^\0-\x7f]/.test(found) ? "Write an international name in its ASCII form (xn--...)." : undefined;
};

export const ipAddress = () =>
  text({
    expected: "an IP address such as 10.0.0.5 or fd00::5",
    pattern: v.ipPattern,
    examples: ["10.0.0.5"],
    parse: (found) => (v.isAddress(found) ? found : undefined),
  });

/** An address, or a network in CIDR form (RFC 4632). */
export const network = () =>
  text({
    expected: "an IP address or a network such as 10.0.0.0/8",
    pattern: v.networkPattern,
    examples: ["10.0.0.0/8"],
    parse: (found) => (v.isNetwork(found) ? found : undefined),
  });

/** Without the slash that may end it. */
export const routePath = () =>
  text({
    expected: "a path such as /api, without query",
    pattern: v.routePathPattern,
    examples: ["/api"],
    parse: (found) => (found === "/" ? found : found.replace(/\/$/, "")),
    hint: (found) => {
      if (typeof found !== "string") return undefined;
      if (/[*]$/.test(found)) return "Leave out the star: a path matches everything below it.";
      return found.startsWith("/") ? undefined : "Begin it with a slash.";
    },
  });

export const packageName = (options: { readonly version: boolean }) =>
  text({
    expected: options.version
      ? "the name of a Debian package, such as nginx or nginx=1.22.1-9"
      : "the name of a Debian package, such as nginx",
    pattern: options.version ? v.packagePattern : v.packageNamePattern,
    hint: packageHint,
  });

const packageHint: Hint = (found) => {
  if (typeof found !== "string") return undefined;
  if (/^[^=@]+(==|@)[^=@]+$/.test(found)) return `Write ${found.replace(/==|@/, "=").toLowerCase()}.`;
  if (found.includes(":"))
    return "Leave out the architecture: the image's architecture applies to all packages.";
  if (/\s/.test(found.trim())) return "Write each package as a separate item.";
  const lower = found.trim().toLowerCase();
  return lower !== found && v.packagePattern.test(lower) ? `Write ${lower}.` : undefined;
};

export const secretName = () =>
  text({
    expected: "the name of a secret, of upper-case letters, digits and underscores, such as DB_PASSWORD",
    pattern: v.secretNamePattern,
    examples: ["DB_PASSWORD"],
    hint: (found) => {
      const upper = String(found)
        .toUpperCase()
        .replaceAll(/[^A-Z0-9]+/g, "_");
      return v.secretNamePattern.test(upper) ? `Write ${upper}.` : undefined;
    },
  });

export const user = (expected: string) =>
  text({
    expected,
    pattern: v.userPattern,
    examples: ["www-data", "1000:1000"],
    parse: (found) => (v.userInRange(found) ? found : undefined),
  });

/** A share of the whole, 0 to 1, written in percent. At least `least`. */
export function share(least: "0%" | "1%") {
  return text({
    expected: `a share such as 5% or 12.5%, from ${least} to 100%`,
    pattern: /^\d{1,3}(\.\d{1,3})?%$/,
    examples: ["5%"],
    parse: (written) => {
      const percent = Number.parseFloat(written);
      return percent >= Number.parseFloat(least) && percent <= 100 ? percent / 100 : undefined;
    },
  });
}

export function url() {
  return text({
    expected: "an http or https URL",
    pattern: /^https?:\/\/[!-~]{1,2000}$/,
    examples: ["http://localhost:9090"],
  });
}
