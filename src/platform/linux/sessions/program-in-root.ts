import { join } from "node:path";
import type { ServerId } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import { resolveInRoot } from "../paths-in-root.ts";

/** Where a command's program is looked for. */
interface ProgramPlace {
  /** `NAME=value`. */
  readonly environment: readonly string[];
  readonly workingFolder: string;
}

/** A mistyped command must not cost a server. Throws `command_missing` unless execvp(3) would find its program below `root`. */
export function requireProgram(
  server: ServerId,
  root: string,
  [program = ""]: readonly string[],
  place: ProgramPlace,
): void {
  const found = candidates(program, place).map((path) => resolveInRoot(root, path).stats);
  if (found.some((stats) => stats?.isFile() && (stats.mode & 0o111) !== 0)) return;
  throw programMissing(server, program);
}

function programMissing(server: ServerId, program: string): KilnError {
  return new KilnError("command_missing", `${server} has no program ${JSON.stringify(program)}.`, {
    hint: "Only programs of its image can run in it. Many images have no shell.",
  });
}

/** Where execvp(3) would look. */
function candidates(program: string, { environment, workingFolder }: ProgramPlace): readonly string[] {
  if (program.startsWith("/")) return [program];
  if (program.includes("/")) return [join("/", workingFolder, program)];
  const path = environment.find((line) => line.startsWith("PATH=")) ?? "";
  const folders = program === "" ? [] : path.slice("PATH=".length).split(":");
  return folders.map((folder) => join("/", folder, program));
}
