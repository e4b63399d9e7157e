import { parseReference } from "../registry/reference.ts";

/** An image that a Dockerfile's stage begins with, and where its name stands in the text. */
export interface StageImage {
  /** As in a registry: `docker.io/nginx:1.27` for `nginx:1.27`. */
  readonly reference: string;
  readonly start: number;
  readonly end: number;
  /** From 1. */
  readonly line: number;
}

/** A line that Kiln cannot read. */
export interface Unreadable {
  readonly line: number;
  readonly problem: string;
}

/** What `FROM` lines say of a Dockerfile; Kiln needs no more of one, so this is not a parser of the whole language. */
interface Found {
  readonly images: StageImage[];
  readonly unreadable: Unreadable[];
  /** Names of all arguments. */
  readonly declared: Set<string>;
}

/**
 * The images of other people that a Dockerfile builds on: of each `FROM`, neither `scratch` nor an earlier stage. Arguments
 * that are not among `args` have their defaults (Dockerfile reference, "FROM" and "Understand how ARG and FROM interact").
 */
export function stageImages(text: string, args: Readonly<Record<string, string>> = {}): Found {
  const found: Found = { images: [], unreadable: [], declared: new Set() };
  const stages = new Set(["scratch"]);
  const defaults = new Map<string, string>();
  let isBeforeStages = true;
  for (const instruction of instructions(text)) {
    const declared = argumentsIn(instruction.words);
    for (const { name } of declared) found.declared.add(name);
    for (const { name, value } of isBeforeStages ? declared : []) {
      const given = Object.hasOwn(args, name) ? args[name] : value;
      if (given !== undefined) defaults.set(name, given);
    }
    if (!/^\s*FROM(\s|$)/i.test(instruction.words)) continue;
    isBeforeStages = false;
    addStage(found, instruction, stages, defaults);
  }
  return found;
}

/** `ARG A B=1 C="two"`; a default in quotes that has blanks is not needed for the name of an image. */
function argumentsIn(
  words: string,
): readonly { readonly name: string; readonly value: string | undefined }[] {
  const [, list] = /^\s*ARG\s+(.*)$/i.exec(words) ?? [];
  const each = /(?:^|\s)([A-Za-z_]\w*)(?:=(?:"([^"]*)"|'([^']*)'|(\S*)))?(?=\s|$)/g;
  return [...(list ?? "").matchAll(each)].map(([, name = "", double, single, plain]) => ({
    name,
    value: double ?? single ?? plain,
  }));
}

export interface Instruction {
  /** From 1. */
  readonly line: number;
  /** Where the line begins in the text. */
  readonly at: number;
  /** Its first line; the lines that continue it are left out. */
  readonly words: string;
}

const heredoc = /<<-?["']?([A-Za-z_][A-Za-z0-9_]*)["']?/g;

/** Before all else, `# escape=` says which character continues a line (Dockerfile reference, "Parser directives"). */
function continuation(text: string): RegExp {
  const [, directives = ""] = /^((?:[ \t]*#[ \t]*[A-Za-z]\w*[ \t]*=.*\r?\n)*)/.exec(text) ?? [];
  const [, character] = /^[ \t]*#[ \t]*escape[ \t]*=[ \t]*([`\\])[ \t\r]*$/im.exec(directives) ?? [];
  return character === "`" ? /`\s*$/ : /\\\s*$/;
}

/** Neither comments, nor continued lines, nor the content of here-documents. */
export function* instructions(text: string): Generator<Instruction> {
  const continues = continuation(text);
  const ends: string[] = [];
  let isContinued = false;
  let next = 0;
  for (const [index, words] of text.split("\n").entries()) {
    const at = next;
    next += words.length + 1;
    if (ends.length > 0) {
      if (words.replace(/^\t+/, "").trimEnd() === ends[0]) ends.shift();
      continue;
    }
    if (/^\s*(#|$)/.test(words)) continue;
    if (/^\s*(RUN|COPY|ADD)\s/i.test(words))
      ends.push(...[...words.matchAll(heredoc)].map(([, word = ""]) => word));
    if (!isContinued) yield { line: index + 1, at, words };
    isContinued = continues.test(words);
  }
}

const from = /^(\s*FROM\s+(?:--\S+\s+)*)(\S+)(?:\s+AS\s+(\S+))?\s*$/i;

function addStage(
  { images, unreadable }: Found,
  { line, at, words }: Instruction,
  stages: Set<string>,
  defaults: ReadonlyMap<string, string>,
): void {
  const [, before = "", word = "", stage] = from.exec(words) ?? [];
  const image = withDefaults(word, defaults);
  if (!image) {
    const problem =
      "expected FROM IMAGE or FROM IMAGE AS STAGE, on one line, with arguments that have defaults";
    unreadable.push({ line, problem });
  } else if (!stages.has(image.toLowerCase())) {
    const reference = inRegistry(image);
    const start = at + before.length;
    if (reference) images.push({ reference, start, end: start + word.length, line });
    else unreadable.push({ line, problem: `${image} does not name an image in a registry` });
  }
  if (stage !== undefined) stages.add(stage.toLowerCase());
}

function withDefaults(word: string, defaults: ReadonlyMap<string, string>): string | undefined {
  let isKnown = true;
  const text = word.replace(
    /\$(?:\{([A-Za-z_]\w*)(?::-([^}]*))?\}|([A-Za-z_]\w*))/g,
    (_, braced, instead, plain) => {
      const value = defaults.get(braced ?? plain) || instead;
      if (value === undefined) isKnown = false;
      return value ?? "";
    },
  );
  return isKnown ? text : undefined;
}

/** Without a host, a Dockerfile means Docker's own registry; without a tag, `latest`. */
export function inRegistry(image: string): string | undefined {
  const hosted = parseReference(image) === undefined ? `docker.io/${image}` : image;
  const reference = parseReference(hosted);
  if (reference === undefined) return undefined;
  return reference.tag === undefined && reference.digest === undefined ? `${hosted}:latest` : hosted;
}
