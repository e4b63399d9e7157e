import type { BigIntStats } from "node:fs";
import type { ErrorCode } from "../../lib/error-codes.ts";
import { isErrno, KilnError, type Problem } from "../../lib/errors.ts";
import { longestName } from "../tar/entry.ts";
import { unreadable } from "./input-index.ts";

interface Offender {
  readonly code: Extract<ErrorCode, "file_unsupported" | "file_unreadable">;
  readonly problem: Problem;
}

/** The kernel fills these folders in every server, which hides the image's content. */
const kernelFolders = ["proc/", "sys/", "dev/"];

/** Paths of a project that cannot become part of an image, collected for one message. */
export class Offenders {
  readonly #found: Offender[] = [];

  /** Whether an image cannot have the path; such a path is added. */
  refuses(path: string, to: string, stat: BigIntStats): boolean {
    const what = unsupported(to, stat);
    if (what === undefined) return false;
    this.#found.push({ code: "file_unsupported", problem: { place: { file: path }, message: what } });
    return true;
  }

  /** Adds a path that is unreadable, or whose name Node.js cannot represent; throws any other error. */
  unreadable(path: string, cause: unknown): void {
    if (isErrno(cause, "ENOENT") && path.includes("\ufffd")) {
      const message = "Its name is not valid UTF-8; expected a UTF-8 name.";
      this.#found.push({ code: "file_unsupported", problem: { place: { file: path }, message } });
      return;
    }
    const error = unreadable(path, cause);
    if (!(error instanceof KilnError) || error.code !== "file_unreadable") throw error;
    const problem = { place: { file: path }, message: "It is not readable: no permission." };
    this.#found.push({ code: "file_unreadable", problem });
  }

  /** Throws `file_unsupported` or `file_unreadable` with all added paths. */
  check(): void {
    const [first] = this.#found;
    if (first === undefined) return;
    const many = this.#found.length > 1 ? `${this.#found.length} paths` : "A path";
    throw new KilnError(first.code, `${many} of the project cannot go into the image.`, {
      hint: "Rename or remove these paths, or leave them out with `image.exclude` or a .dockerignore.",
      problems: this.#found.map(({ problem }) => problem),
    });
  }
}

function unsupported(to: string, stat: BigIntStats): string | undefined {
  if (to.split("/").some((part) => part.startsWith(".wh."))) {
    return "Its name begins with `.wh.`, which marks removed files in image layers; expected another name.";
  }
  if (Buffer.byteLength(to.slice(to.lastIndexOf("/") + 1)) > longestName) {
    return `Its name is longer than ${longestName} bytes.`;
  }
  const folder = kernelFolders.find((kernel) => to.startsWith(kernel));
  if (folder) return `It would be in /${folder}, which the kernel fills in every server.`;
  if (stat.isFile() || stat.isDirectory() || stat.isSymbolicLink()) return undefined;
  const kind = stat.isSocket() ? "socket" : stat.isFIFO() ? "fifo" : "device";
  return `It is a ${kind}; expected a file, a folder or a symlink.`;
}
