import { KilnError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Entry, Tree } from "./entry.ts";
import { joinPath, lookUp, parentOf } from "./tree.ts";

/** Throws `command_missing` unless the image can run `argv`: its program is there, found as execvp(3) would, and executable. */
export function checkCommand(
  root: Tree,
  argv: readonly string[],
  searchPath: string,
  workingFolder: string,
): void {
  const program = argv[0];
  if (!program) {
    throw new KilnError("command_missing", "The image has no command to run.", {
      hint: 'Add one to the spec, for example `command: [nginx, -g, "daemon off;"]`.',
    });
  }
  const found = candidates(program, searchPath, workingFolder).map((path) => lookUp(root, path));
  if (found.some(isProgram)) return;
  const present = found.find((entry) => entry !== undefined);
  throw present ? notExecutable(program, present) : notFound(root, program, searchPath);
}

function candidates(program: string, searchPath: string, workingFolder: string): string[] {
  if (program.startsWith("/")) return [program];
  if (program.includes("/")) return [`${workingFolder}/${program}`];
  return searchPath.split(":").map((folder) => `${folder}/${program}`);
}

function isProgram(entry: Entry | undefined): boolean {
  return entry?.type === "file" && (entry.mode & 0o111) !== 0;
}

function notExecutable(program: string, entry: Entry): KilnError {
  const why = entry.type === "file" ? "is not executable" : `is a ${entry.type}`;
  return new KilnError("command_missing", `The command "${program}" is in the image but ${why}.`, {
    hint: 'Give the file an executable mode: `mode: "0755"`.',
  });
}

function notFound(root: Tree, program: string, searchPath: string): KilnError {
  const near = nearest(program, programNames(root, program, searchPath));
  return new KilnError("command_missing", `The command "${program}" is not in the image.`, {
    hint: near
      ? `Did you mean "${near}"?`
      : "Add the package or the file that brings it, or name it by its full path.",
  });
}

function programNames(root: Tree, program: string, searchPath: string): string[] {
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
