import { errorCodes } from "../lib/error-codes.ts";
import { type ErrorJson, isErrno, KilnError } from "../lib/errors.ts";

/** The error that the controller has answered with, the same as it was there. */
export function toError(answer: unknown, status: number | undefined): KilnError {
  if (isErrorJson(answer)) return new KilnError(answer.code, answer.message, answer);
  return new KilnError(
    "internal",
    `The controller answered with status ${status} and an error that this client does not know.`,
    {
      hint: "The client and the controller may be of different versions: `kiln controller stop`, then repeat the command.",
    },
  );
}

/** No controller answers on the socket, or no longer. */
export function unreachable(message: string, cause: unknown): KilnError {
  return new KilnError("controller_unreachable", message, {
    hint: "`kiln controller start` starts it; its log says why it ended. Servers keep running without it.",
    cause,
    retry: true,
  });
}

/** What a failed connection means to a user. */
export function connectionError(error: unknown, socketPath: string): unknown {
  if (isErrno(error, "ENOENT") || isErrno(error, "ECONNREFUSED")) {
    return unreachable(`No controller answers at ${socketPath}.`, error);
  }
  if (isErrno(error, "ECONNRESET") || isErrno(error, "EPIPE")) {
    return unreachable("The controller ended before it answered.", error);
  }
  if (isErrno(error, "EACCES") || isErrno(error, "EPERM")) {
    return new KilnError("not_root", `The controller at ${socketPath} belongs to another user.`, {
      hint: "Repeat the command as that user (root, for a machine's own controller), or set KILN_HOME to a folder of yours.",
      cause: error,
    });
  }
  return error;
}

function isErrorJson(value: unknown): value is ErrorJson {
  if (typeof value !== "object" || value === null) return false;
  const { code, message } = value as Partial<ErrorJson>;
  return typeof code === "string" && Object.hasOwn(errorCodes, code) && typeof message === "string";
}
