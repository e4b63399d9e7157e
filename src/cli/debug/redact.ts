/** What takes the place of something that no one else should read. */
const leftOut = "(left out)";

/** Keys of JSON whose values people choose: environment variables, command lines, output of programs. */
const private_ = new Set(["env", "command", "argv", "args", "output", "log", "logs", "text", "url"]);

const secrets: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, leftOut],
  // Kiln's own tokens and invites: `src/access/credential.ts`.
  [/\bkiln_[a-z]+_[A-Za-z0-9]{8}_[A-Za-z0-9]+/g, leftOut],
  [/\b(Bearer|Basic) +[\w.~+/=-]+/gi, `$1 ${leftOut}`],
  // JSON Web Tokens: RFC 7519.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, leftOut],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, `$1${leftOut}@`],
  // A word that says so, then `=` or `:`, with or without quotes, as in logs and configuration.
  [
    /\b(\w*(?:password|passwd|secret|token|api_?key|private_?key))(["']?\s*[=:]\s*["']?)[^\s"',;&}]+/gi,
    `$1$2${leftOut}`,
  ],
];

/** Text without what looks like a secret. */
export function redactText(text: string): string {
  return secrets.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), text);
}

/** The same for a value of JSON, also without the values that people choose. */
export function redactJson(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (Array.isArray(value)) return value.map(redactJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, private_.has(key) ? leftOut : redactJson(inner)]),
  );
}
