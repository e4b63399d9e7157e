/** What takes the place of something that no one else should read. */
const leftOut = "(left out)";

/** Keys of JSON whose values people choose: environment variables, command lines, output of programs. */
const private_ = new Set([
  ...["env", "environ", "command", "argv", "args", "cmdline"],
  ...["output", "stdout", "stderr", "log", "logs", "text", "url"],
]);

/** Part of a name whose value is a secret. */
const secretWord =
  "(?:password|passwd|passphrase|secret|token|credential|authorization|(?:api|private|access|signing)[-_]?key)";
const secretName = `[\\w-]{0,60}${secretWord}[\\w-]{0,60}`;
const secretKey = new RegExp(secretWord, "i");

const secrets: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, leftOut],
  // Kiln's own tokens and invites: `src/access/credential.ts`.
  [/\bkiln_[a-z]+_[A-Za-z0-9]{8}_[A-Za-z0-9]+/g, leftOut],
  // Tokens of GitHub, GitLab, Slack, npm, Docker and AWS begin in ways of their own.
  [
    /\b(?:gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-|npm_|dckr_[op]at_|(?:AKIA|ASIA)(?=[A-Z0-9]{16}))[\w-]{10,}/g,
    leftOut,
  ],
  [/\b(Bearer|Basic) +[\w.~+/=-]+/gi, `$1 ${leftOut}`],
  // JSON Web Tokens: RFC 7519.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, leftOut],
  [/\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@"']+@/gi, `$1${leftOut}@`],
  [/\b(https?:\/\/[^\s"'?#]+\?)[^\s"'(][^\s"']*/gi, `$1${leftOut}`],
  // A word that says so, then `=` or `:`, as in logs, configuration and JSON, which may be text of JSON itself; to the closing quote, or a word.
  [
    new RegExp(
      `\\b(${secretName}\\\\?["']?\\s*[=:]\\s*)(\\\\?["'])(?:(?!\\2)(?:\\\\.|[^\\\\\\n]))*(\\2)?`,
      "gi",
    ),
    `$1$2${leftOut}$3`,
  ],
  [
    new RegExp(`\\b(${secretName}\\\\?["']?\\s*[=:]\\s*)[^\\s"'\\\\,;&}(][^\\s"',;&}]*`, "gi"),
    `$1${leftOut}`,
  ],
  [new RegExp(`(--${secretName}\\s+)[^\\s"'(-][^\\s"']*`, "gi"), `$1${leftOut}`],
];

/** Text without what looks like a secret. */
export function redactText(text: string): string {
  return secrets.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), text);
}

/** The same for lines of which some are JSON, as a log has them. */
export function redactLines(text: string): string {
  const lines = text.split("\n").map((line) => {
    const value = line.startsWith("{") ? parsed(line) : undefined;
    return value === undefined ? line : JSON.stringify(redactJson(value));
  });
  return redactText(lines.join("\n"));
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The same for a value of JSON, also without the values that people choose, and without text whose key says that it is a secret. */
export function redactJson(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (Array.isArray(value)) return value.map(redactJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, isPrivate(key, inner) ? leftOut : redactJson(inner)]),
  );
}

function isPrivate(key: string, value: unknown): boolean {
  return private_.has(key) || (typeof value === "string" && secretKey.test(key));
}
