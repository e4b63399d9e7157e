/** What `Style` writes (ECMA-48, SGR: bold, dim, green, yellow, red, and their ends) and no other escape sequence. */
const ownStyle = "\\u001b\\[(?:1|2|22|31|32|33|39)m";
/** C0 but tab and line feed, DEL, C1, and the characters that turn the direction of what follows (Unicode, UAX 9). */
const controls = "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]";
const foreign = new RegExp(`(${ownStyle})|${controls}`, "g");

/**
 * Text made safe for a terminal: foreign control sequences are shown as text (`\\x1b`). Otherwise the log lines and
 * answers of a server, and names from elsewhere, could clear the screen, forge lines, or type for the reader.
 */
export function terminalText(text: string): string {
  return text.replaceAll(foreign, (found: string, own: string | undefined) => own ?? shown(found));
}

/** JSON as `JSON.stringify` writes it, which escapes C0 alone. */
export function terminalJson(json: string): string {
  return json.replaceAll(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (found) => unicode(found));
}

function shown(character: string): string {
  const code = character.charCodeAt(0);
  return code > 0xff ? unicode(character) : `\\x${code.toString(16).padStart(2, "0")}`;
}

function unicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
