import { closeSync, constants, openSync, readSync } from "node:fs";
import { join, relative } from "node:path";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { readInside } from "../../lib/files/read-inside.ts";
import { type IgnorePattern, ignoreLines, matcherOf, parseIgnorePattern } from "../../lib/ignore-patterns.ts";
import { unreadable } from "../layers/input-index.ts";

/** Which list excludes a path from the image. */
export type IgnoreSource = "kiln" | ".dockerignore" | "image.exclude";

/** Useless in an image: changing only `rollout` in `kiln.yaml` must not make another image. */
const ownFiles = ["kiln.yaml", "kiln.lock", ".dockerignore", "**/.git"];

/** Names under which tools keep passwords, tokens and private keys. */
const secretFiles = [
  ...[".env", ".env.*", ".npmrc", ".netrc", "_netrc", ".pypirc", ".pgpass", ".git-credentials"],
  ...[".aws", ".ssh", ".gnupg", ".kube", ".docker/config.json", ".config/gcloud"],
  ...["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.p12", "*.pfx", "*.tfstate"],
].map((name) => `**/${name}`);

/** Excluded if they contain a private key: the certificates of authorities have the same names and are needed. */
const perhapsKeys = ["**/*.pem", "**/*.key"];

/** Larger than any `.dockerignore` in use: each path is compared with all of it. */
const largestIgnoreFile = 128 << 10;
const mostPatterns = 2_000;

/** Patterns that follow each other with the same effect. */
interface Group {
  readonly source: IgnoreSource;
  readonly exception: boolean;
  readonly matches: (path: string) => boolean;
  readonly onlyKeys: boolean;
}

/** Which groups match a folder or one above it. */
export type Hits = readonly boolean[];

/**
 * What is left out of the image, with Docker's syntax and order: Kiln's own list first, then `.dockerignore` of the project's
 * folder, then `image.exclude`; the last pattern that matches decides.
 */
export class ProjectIgnore {
  readonly #groups: readonly Group[];
  /** Folders in which exceptions may apply. */
  readonly #kept: readonly string[];
  /** A path named in `files` itself is always copied: patterns apply only to the paths below it. */
  readonly start: Hits;

  private constructor(groups: readonly Group[], kept: readonly string[]) {
    this.#groups = groups;
    this.#kept = kept;
    this.start = groups.map(() => false);
  }

  /** Throws `spec_invalid` with its place for a line that is not a pattern, `path_escapes`, `file_unsupported`. */
  static async open(
    project: string,
    options: { readonly exclude: readonly string[]; readonly specFile?: string | undefined },
  ): Promise<ProjectIgnore> {
    const spec = options.specFile === undefined ? [] : [escaped(relative(project, options.specFile))];
    const written = await readIgnoreFile(project);
    const exclude = options.exclude.map(patternOf).filter((pattern) => pattern !== undefined);
    checkCount(project, written.length, exclude.length);
    const groups = [
      ...groupsOf("kiln", [...ownFiles, ...spec, ...secretFiles].map(patternOf)),
      ...groupsOf("kiln", perhapsKeys.map(patternOf), true),
      ...groupsOf(".dockerignore", written),
      ...groupsOf("image.exclude", exclude),
    ];
    const kept = [...written, ...exclude].filter(({ exception }) => exception).map(({ within }) => within);
    return new ProjectIgnore(groups, kept);
  }

  /**
   * Whether `path` (relative to the project) is left out, by which list, and the matches for paths below it. `above` are
   * the matches of its folder.
   */
  judge(path: string, above: Hits, file: string | undefined): { hits: Hits; by: IgnoreSource | undefined } {
    const hits = this.#groups.map(
      ({ matches, onlyKeys }, i) =>
        above[i] === true || (matches(path) && (!onlyKeys || (file !== undefined && holdsPrivateKey(file)))),
    );
    const last = this.#groups.findLast((_, i) => hits[i]);
    return { hits, by: last?.exception === false ? last.source : undefined };
  }

  /** Whether an exception may apply below an excluded folder. */
  mayHold(folder: string): boolean {
    return this.#kept.some(
      (within) =>
        within === "" ||
        within === folder ||
        within.startsWith(`${folder}/`) ||
        folder.startsWith(`${within}/`),
    );
  }
}

function checkCount(project: string, written: number, excluded: number): void {
  if (written + excluded <= mostPatterns) return;
  const where = written > excluded ? join(project, ".dockerignore") : "`image.exclude`";
  throw new KilnError("file_unsupported", `${where} has more than ${mostPatterns} patterns.`, {
    hint: "Write fewer that match more: `**/*.log` is every log.",
  });
}

function patternOf(text: string): IgnorePattern | undefined {
  return parseIgnorePattern(text);
}

function escaped(path: string): string {
  return path.replaceAll(/[*?[\\]/g, "\\$&");
}

function groupsOf(
  source: IgnoreSource,
  patterns: readonly (IgnorePattern | undefined)[],
  onlyKeys = false,
): readonly Group[] {
  const runs: { readonly exception: boolean; readonly patterns: IgnorePattern[] }[] = [];
  for (const pattern of patterns) {
    if (pattern === undefined) continue;
    const last = runs.at(-1);
    if (last?.exception === pattern.exception) last.patterns.push(pattern);
    else runs.push({ exception: pattern.exception, patterns: [pattern] });
  }
  return runs.map(({ exception, patterns: run }) => ({
    source,
    exception,
    onlyKeys,
    matches: matcherOf(run),
  }));
}

async function readIgnoreFile(project: string): Promise<readonly IgnorePattern[]> {
  const file = join(project, ".dockerignore");
  const text = await readIgnoreText(project, file);
  return ignoreLines(text).map(({ line, pattern }) => {
    const parsed = parseIgnorePattern(pattern);
    if (parsed !== undefined) return parsed;
    const message = `Found \`${pattern.trim()}\`; expected a pattern such as \`node_modules\`, \`**/*.log\` or \`!keep.log\`.`;
    throw new KilnError("spec_invalid", `${file} has 1 problem.`, {
      problems: [{ place: { file, line, column: 1 }, message }],
    });
  });
}

/** The project may come from anywhere: its `.dockerignore` is a file of it, and no large one. */
async function readIgnoreText(project: string, file: string): Promise<string> {
  try {
    const bytes = await readInside(project, file, largestIgnoreFile);
    if (bytes.length <= largestIgnoreFile) return bytes.toString("utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw isErrno(error, "EISDIR") ? unfit(file, "is a folder", error) : unreadable(file, error);
  }
  throw unfit(file, "is larger than 128 KiB");
}

function unfit(file: string, what: string, cause?: unknown): KilnError {
  return new KilnError("file_unsupported", `${file} ${what}; expected a text file of at most 128 KiB.`, {
    cause,
  });
}

/** PEM (RFC 7468): `-----BEGIN PRIVATE KEY-----`, with the kind of key before `PRIVATE` in older forms. */
function holdsPrivateKey(file: string): boolean {
  const handle = openQuietly(file);
  if (handle === undefined) return false;
  try {
    const head = Buffer.alloc(64 << 10);
    const length = readSync(handle, head);
    return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(head.toString("latin1", 0, length));
  } finally {
    closeSync(handle);
  }
}

/** An unreadable file is reported when it is copied. */
function openQuietly(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}
