const mostCharacters = 600;
const shortestSecret = 6;

/**
 * The first error in what Terraform has written, as one line: the text of its box without the frame. Values of the environment that
 * Terraform was given are left out: credentials are among them.
 */
export function errorIn(text: string, env: Readonly<Record<string, string>>): string {
  const lines = text.split("\n").map((line) => line.replace(/^[\s│╷╵|]+/, "").trimEnd());
  const from = lines.findIndex((line) => line.startsWith("Error: "));
  const wanted = from === -1 ? lines.slice(-5) : lines.slice(from, nextError(lines, from));
  const words = wanted
    .filter((line) => line !== "")
    .join(" ")
    .replace(/^Error: /, "");
  return shortened(masked(words === "" ? "it said nothing" : words, Object.values(env)));
}

function nextError(lines: readonly string[], from: number): number {
  const next = lines.findIndex((line, index) => index > from && /^(Error|Warning): /.test(line));
  return next === -1 ? lines.length : next;
}

function masked(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length >= shortestSecret)
    .reduce((now, secret) => now.replaceAll(secret, "***"), text);
}

function shortened(text: string): string {
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters)} …`;
}
