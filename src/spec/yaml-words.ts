import type { YAMLParseError } from "yaml";
import type { Finding } from "./findings.ts";

interface Words {
  readonly message: string;
  readonly hint: string;
}

/** The parser's errors that people meet most, in words that name the remedy. */
const known: Partial<Record<YAMLParseError["code"], Words>> = {
  TAB_AS_INDENT: {
    message: "Found a tab in the indentation; YAML expects spaces.",
    hint: "Replace the tab with spaces, e.g. two per level.",
  },
  BAD_INDENT: {
    message: "The indentation does not fit the lines above; expected the same column as its neighbours.",
    hint: "Line it up with the other keys or items of the same level.",
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "Found a second `: ` in one value; expected one key and one value.",
    hint: "Put a value that contains `: ` in quotes; line a key of its own up with the keys above it.",
  },
  MULTILINE_IMPLICIT_KEY: {
    message: "Found a key that runs over several lines; expected `key: value`.",
    hint: "Is a `:` missing behind the key, or a closing quote or bracket before it?",
  },
  BAD_DQ_ESCAPE: {
    message: "Found an unknown `\\` escape in double quotes.",
    hint: "Use single quotes to keep backslashes as they are, or write two of them.",
  },
  BAD_SCALAR_START: {
    message: "Found a value that begins with ` or @, which YAML reserves.",
    hint: "Put the value in quotes.",
  },
  BAD_ALIAS: {
    message: "Found a lone `*` or `&`, which YAML takes for an alias or an anchor.",
    hint: "Put the value in quotes when the character itself is meant.",
  },
  RESOURCE_EXHAUSTION: {
    message: "The document is nested deeper than 32 levels.",
    hint: "No key of kiln.yaml needs more than six levels; look for brackets or indentation that never end.",
  },
};

const unclosed: Words = {
  message: "A bracket opened above is not closed before this line; expected `]` or `}`.",
  hint: "Close it, or indent the lines that belong into it.",
};

/**
 * What the YAML parser found. One mistake often sets off many errors, so only the first of each line is kept, and
 * one about depth stands alone.
 */
export function yamlFindings(
  errors: readonly YAMLParseError[],
  lineAt: (offset: number) => number,
): Finding[] {
  const deep = errors.find((error) => error.code === "RESOURCE_EXHAUSTION");
  if (deep) return [toFinding(deep)];
  const lines = new Map<number, Finding>();
  for (const error of errors) {
    const line = lineAt(error.pos[0]);
    if (!lines.has(line)) lines.set(line, toFinding(error));
  }
  return [...lines.values()];
}

function toFinding(error: YAMLParseError): Finding {
  const offset = error.pos[0];
  const words = error.message.startsWith("Flow ") ? unclosed : known[error.code];
  if (words) return { offset, ...words };
  return {
    offset,
    message: `This is not valid YAML: ${lowerFirst(error.message)}.`,
    hint: hintFor(error.message),
  };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function hintFor(message: string): string | undefined {
  if (message.includes("closing")) return "Close the quotes where the text ends.";
  if (message.includes("flow"))
    return "Check the commas and the closing bracket; a value with , [ ] { } in it needs quotes.";
  if (message.includes("Implicit map keys")) return "Write `key: value`, with a space behind the colon.";
  return undefined;
}
