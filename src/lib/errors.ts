import { type ErrorCode, errorCodes } from "./error-codes.ts";

/** The place of a problem in a user's file. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** One of several problems that are reported at once. */
export interface Problem {
  readonly place?: Place;
  /** What was found and what was expected, one sentence. */
  readonly message: string;
  /** What the user can do, one sentence. */
  readonly hint?: string;
}

export interface KilnErrorInit {
  /** What the user can do about it. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** True when the same call may succeed later without any change. */
  readonly retry?: boolean;
  /** True when neither time nor a repetition helps: the user has to change something. */
  readonly permanent?: boolean;
  /** The separate problems, when there are several or when they have a place. */
  readonly problems?: readonly Problem[];
}

/** The one error class: a stable code, a message for people, and what to do about it. */
export class KilnError extends Error {
  override readonly name = "KilnError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retry: boolean;
  readonly permanent: boolean;
  readonly problems: readonly Problem[];

  constructor(code: ErrorCode, message: string, init: KilnErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    this.hint = init.hint;
    this.retry = init.retry ?? false;
    this.permanent = init.permanent ?? false;
    this.problems = init.problems ?? [];
  }

  get exitCode(): number {
    return errorCodes[this.code].exit;
  }

  get httpStatus(): number {
    return errorCodes[this.code].status;
  }
}

/** An error as JSON: in `--json` output and in API answers. */
export interface ErrorJson {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly retry: boolean;
  readonly problems?: readonly Problem[];
}

export function errorToJson(error: unknown): ErrorJson {
  const e = toKilnError(error);
  return {
    code: e.code,
    message: e.message,
    ...(e.hint === undefined ? {} : { hint: e.hint }),
    retry: e.retry,
    ...(e.problems.length === 0 ? {} : { problems: e.problems }),
  };
}

/**
 * Any thrown value as a KilnError; a full disk, which can stop any write, gets its own code. `place` is the folder of
 * the write, for system calls whose errors have no path.
 */
export function toKilnError(error: unknown, place?: string): KilnError {
  if (error instanceof KilnError) return error;
  if (isErrno(error, "ENOSPC") || isErrno(error, "EDQUOT")) return diskFull(error.path ?? place, error);
  const message = error instanceof Error ? error.message : String(error);
  return new KilnError("internal", message, { cause: error });
}

/** An error's message as the end of another sentence, which has a full stop of its own. */
export function clauseOf(error: unknown): string {
  return toKilnError(error).message.replace(/\.$/, "");
}

/** The error for a full disk. */
export function diskFull(path: string | undefined, cause?: unknown): KilnError {
  return new KilnError("disk_full", `No space left on the disk${path ? ` at ${path}` : ""}.`, {
    hint: "Free some space (`kiln gc` removes unused images), then repeat the command.",
    cause,
    retry: true,
  });
}

/** True for a Node.js system error with this code, e.g. `ENOENT`. */
export function isErrno(error: unknown, code: string): error is NodeJS.ErrnoException {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
