import { KilnError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import { type Interpreter, interpreterOf } from "./layers/interpreter.ts";
import { joinPath, lookUp, parentOf, resolvePath } from "./layers/tree.ts";
import type { TarEntry, TarTree } from "./tar/entry.ts";

/** A command to run in servers of an image. */
export interface Command {
  readonly argv: readonly string[];
  /** As in `PATH`. */
  readonly searchPath: string;
  readonly workingFolder: string;
  /** The owner of the command, for messages: empty for the image's own, ` of job smoke`. */
  readonly of: string;
  /** Paths that servers have in addition to the image: the image does not need to contain them. */
  readonly delivered: ReadonlySet<string>;
}

/**
 * Throws `command_missing` unless the image can run it: the image has its program, found as execvp(3) would and executable,
 * and everything the kernel needs to run the program.
 */
export function checkCommand(root: TarTree, command: Command): void {
  const program = command.argv[0];
  if (!program) {
    throw new KilnError("command_missing", "The image has no command to run.", {
      hint: 'Add one to the spec, for example `command: [nginx, -g, "daemon off;"]`.',
    });
  }
  const paths = candidates(program, command);
  if (paths.some((path) => command.delivered.has(path))) return;
  const found = paths.map((path) => lookUp(root, path));
  const entry = found.find(isProgram);
  if (entry === undefined) {
    const present = found.find((at) => at !== undefined);
    throw present
      ? notExecutable(program, command, present)
      : (lostLink(root, program, command, paths) ?? notFound(root, program, command));
  }
  checkInterpreter(root, command, entry, program);
}

function candidates(program: string, { searchPath, workingFolder }: Command): string[] {
  if (program.startsWith("/")) return [program];
  if (program.includes("/")) return [`${workingFolder}/${program}`];
  return searchPath.split(":").map((folder) => `${folder}/${program}`);
}

/** Scripts may have scripts as interpreters, but not deeper than this (execve(2), "Interpreter scripts"). */
const deepest = 5;

/** The program's interpreter must exist as well, and the interpreter's own interpreter. */
function checkInterpreter(
  root: TarTree,
  command: Command,
  entry: TarEntry,
  program: string,
  depth = 0,
): void {
  const interpreter = interpreterOf(entry.content);
  if (interpreter === undefined || depth === deepest) return;
  for (const sought of soughtBy(interpreter)) {
    const paths = candidates(sought, command);
    if (paths.some((path) => command.delivered.has(path))) continue;
    const found = paths.map((path) => lookUp(root, path)).find((at) => at?.type === "file");
    if (found === undefined) throw notRunnable(program, command, interpreter, sought);
    checkInterpreter(root, command, found, sought, depth + 1);
  }
}

/** `#!/usr/bin/env NAME` needs a second program, which is searched like a command. */
function soughtBy({ kind, path, argument }: Interpreter): readonly string[] {
  const isEnv = kind === "script" && path.endsWith("/env") && /^\w[\w.+-]*$/.test(argument);
  return isEnv ? [path, argument] : [path];
}

function notRunnable(program: string, { of }: Command, { kind }: Interpreter, sought: string): KilnError {
  const why =
    kind === "loader" ? "is dynamically linked: the kernel loads it" : "is a script: the kernel runs it";
  return new KilnError(
    "command_missing",
    `The command "${program}"${of} ${why} with ${JSON.stringify(sought)}, which is not in the image.`,
    {
      hint: isOfEnvironment(sought)
        ? `The scripts of a virtual environment contain the path of its original folder: run \`python -m ${program.slice(program.lastIndexOf("/") + 1)}\` with the environment's own python, by its path in the image.`
        : kind === "loader"
          ? "Link it statically (Go: `CGO_ENABLED=0`; Rust: a `musl` target), or build on `from: debian:bookworm` with `packages: [libc6]`."
          : "Add the package or the file with that path, or correct the first line of the script.",
    },
  );
}

/** The python of a virtual environment (PEP 405). */
function isOfEnvironment(interpreter: string): boolean {
  return /\/bin\/python[\d.]*$/.test(interpreter) && !/^\/usr\//.test(interpreter);
}

function isProgram(entry: TarEntry | undefined): boolean {
  return entry?.type === "file" && (entry.mode & 0o111) !== 0;
}

function notExecutable(program: string, { of }: Command, entry: TarEntry): KilnError {
  const why = entry.type === "file" ? "is not executable" : `is a ${entry.type}`;
  return new KilnError("command_missing", `The command "${program}"${of} is in the image but ${why}.`, {
    hint: 'Give the file an executable mode: `mode: "0755"`.',
  });
}

/** The program is a symlink without a target in the image. */
function lostLink(
  root: TarTree,
  program: string,
  { of }: Command,
  paths: readonly string[],
): KilnError | undefined {
  const within = paths.map((path) => path.replace(/^\/+/, ""));
  const link = within.find((path) => {
    return root.get(resolvePath(root, path, { last: false }) ?? "")?.type === "symlink";
  });
  const at = link === undefined ? undefined : resolvePath(root, link, { last: true });
  if (at === undefined) return undefined;
  return new KilnError(
    "command_missing",
    `The command "${program}"${of} is a symlink that leads to "/${at}", which is not in the image.`,
    { hint: "Add the package or the file with that path." },
  );
}

function notFound(root: TarTree, program: string, { of, searchPath }: Command): KilnError {
  const near = nearest(program, programNames(root, program, searchPath));
  return new KilnError("command_missing", `The command "${program}"${of} is not in the image.`, {
    hint: near
      ? `Did you mean "${near}"?`
      : "Add the package or the file of this program, or name the program by its full path.",
  });
}

function programNames(root: TarTree, program: string, searchPath: string): string[] {
  const full = program.includes("/");
  const folders = searchPath.split(":").map((folder) => folder.replace(/^\/+/, ""));
  const names: string[] = [];
  for (const [path, entry] of root) {
    if (entry.type === "folder") continue;
    if (full) names.push(`/${path}`);
    else if (folders.includes(parentOf(path))) names.push(path.slice(joinPath(parentOf(path), "").length));
  }
  return names;
}
