import type { YAMLParseError } from "yaml";
import type { SpecFinding } from "../rules/findings.ts";

interface Words {
  readonly message: string;
  readonly hint: string;
}

/** The parser's most common errors, in words that name the remedy. */
const known: Partial<Record<YAMLParseError["code"], Words>> = {
  TAB_AS_INDENT: {
    message: "Found a tab in the indentation; YAML expects spaces.",
    hint: "Replace the tab with spaces, e.g. two per level.",
  },
  BAD_INDENT: {
    message: "The indentation does not fit the lines above; expected the same column as its neighbours.",
    hint: "Align the line with the other keys or items of the same level.",
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "Found a second `: ` in one value; expected one key and one value.",
    hint: "Put a value that contains `: ` in quotes; put a separate key on its own line, aligned with the keys above.",
  },
  MULTILINE_IMPLICIT_KEY: {
    message: "Found a key that runs over several lines; expected `key: value`.",
    hint: "Is a `:` missing after the key, or a closing quote or bracket before it?",
  },
  BAD_DQ_ESCAPE: {
    message: "Found an unknown `\\` escape in double quotes.",
    hint: "Use single quotes to keep backslashes unchanged, or double each backslash.",
  },
  BAD_SCALAR_START: {
    message: "Found a value that begins with ` or @, which YAML reserves.",
    hint: "Put the value in quotes.",
  },
  BAD_ALIAS: {
    message: "Found a lone `*` or `&`, which YAML reads as an alias or an anchor.",
    hint: "To use the character itself, put the value in quotes.",
  },
  RESOURCE_EXHAUSTION: {
    message: "The document is nested deeper than 32 levels.",
    hint: "No key of kiln.yaml needs more than six levels; check for brackets or indentation that never end.",
  },
};

const unclosed: Words = {
  message: "A bracket opened above is not closed before this line; expected `]` or `}`.",
  hint: "Close the bracket, or indent the lines inside it.",
};

/**
 * What the YAML parser found. One mistake often causes many errors, so only the first error of each line is kept, and
 * an error about depth is the only one.
 */
export function yamlFindings(
  errors: readonly YAMLParseError[],
  lineAt: (offset: number) => number,
): SpecFinding[] {
  const deep = errors.find((error) => error.code === "RESOURCE_EXHAUSTION");
  if (deep) return [toFinding(deep)];
  const lines = new Map<number, SpecFinding>();
  for (const error of errors) {
    const line = lineAt(error.pos[0]);
    if (!lines.has(line)) lines.set(line, toFinding(error));
  }
  return [...lines.values()];
}

function toFinding(error: YAMLParseError): SpecFinding {
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
    return "Check the commas and the closing bracket; a value that contains , [ ] { } needs quotes.";
  if (message.includes("Implicit map keys")) return "Write `key: value`, with a space after the colon.";
  return undefined;
}
