/** So many names are kept; further ones are only counted. */
const mostNames = 200;
/** A longer name is cut. */
const mostLetters = 400;

/** What had no room in an archive: bounded itself, however much that is. */
export class Omissions {
  readonly #names: string[] = [];
  readonly #unread: string[] = [];
  #more = 0;

  /** `name` is bytes as a latin1 string. */
  add(name: string): void {
    if (this.#names.length >= mostNames) this.#more += 1;
    else this.#names.push(shortened(shownName(name)));
  }

  /** A folder that was not read to its end: the rest of its content is unknown. */
  addUnread(name: string): void {
    if (this.#unread.length < mostNames) this.#unread.push(`the rest of ${shortened(shownName(name))}/`);
  }

  /** The names, how many more there are, and folders that were not read to their end. */
  list(): readonly string[] {
    const more = this.#more === 0 ? [] : [`and ${this.#more} more`];
    return [...this.#names, ...more, ...this.#unread];
  }
}

function shortened(name: string): string {
  return name.length <= mostLetters ? name : `${name.slice(0, mostLetters)}…`;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * A name, given as bytes in a latin1 string, as text that a terminal and an archive may have: `\xNN` stands for a byte that
 * is not part of valid UTF-8, for a control character and for a backslash. Different names stay different.
 */
export function shownName(latin1: string): string {
  const escaped = latin1.replace(/[^ -[\]-~\x80-\xff]/g, escapeByte);
  try {
    return utf8.decode(Buffer.from(escaped, "latin1")).replace(/[\u0080-\u009f]/g, escapeLetter);
  } catch {
    return escaped.replace(/[\x80-\xff]/g, escapeByte);
  }
}

function escapeByte(letter: string): string {
  return `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** A control character of two bytes in UTF-8. */
function escapeLetter(letter: string): string {
  return Buffer.from(letter).toString("latin1").replace(/./gs, escapeByte);
}
