import { errorCodes } from "../../lib/error-codes.ts";
import { type ErrorJson, isErrno, KilnError } from "../../lib/errors.ts";
import type { Endpoint, RemoteEndpoint } from "./endpoint.ts";

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
export function connectionError(error: unknown, endpoint: Endpoint): unknown {
  if (isErrno(error, "ECONNRESET") || isErrno(error, "EPIPE")) {
    return unreachable("The controller ended before it answered.", error);
  }
  return "socketPath" in endpoint ? socketError(error, endpoint.socketPath) : networkError(error, endpoint);
}

function socketError(error: unknown, socketPath: string): unknown {
  if (isErrno(error, "ENOENT") || isErrno(error, "ECONNREFUSED")) {
    return unreachable(`No controller answers at ${socketPath}.`, error);
  }
  if (isErrno(error, "EACCES") || isErrno(error, "EPERM")) {
    return new KilnError("not_root", `The controller at ${socketPath} belongs to another user.`, {
      hint: "Repeat the command as that user (root, for a machine's own controller), or set KILN_HOME to a folder of yours.",
      cause: error,
    });
  }
  return error;
}

/** Faults of TLS have codes of OpenSSL's checks (`CERT_...`, `UNABLE_TO_...`) or `ERR_SSL_...`, `ERR_TLS_...`. */
function networkError(error: unknown, { address }: RemoteEndpoint): unknown {
  const { code = "", message = "" } = error as { readonly code?: string; readonly message?: string };
  if (/CERT|SELF_SIGNED|UNABLE_TO|^ERR_SSL|^ERR_TLS|EPROTO/.test(code)) {
    return new KilnError(
      "controller_untrusted",
      `What answers at ${address} is not the controller that this context was made for: ${message}.`,
      {
        hint: "Nothing was sent to it. If the controller's authority was made again, log in again with a new invite, and compare its pin with `kiln access ls` there.",
        cause: error,
      },
    );
  }
  if (/^(ECONN|EHOST|ENET|ETIMEDOUT|ENOTFOUND|EAI_)/.test(code)) {
    return new KilnError("controller_unreachable", `No controller answers at ${address}: ${message}.`, {
      hint: "Check the address and the network. On the controller's machine, `kiln access ls` shows where it listens. Servers keep running without it.",
      cause: error,
      retry: true,
    });
  }
  return error;
}

function isErrorJson(value: unknown): value is ErrorJson {
  if (typeof value !== "object" || value === null) return false;
  const { code, message } = value as Partial<ErrorJson>;
  return typeof code === "string" && Object.hasOwn(errorCodes, code) && typeof message === "string";
}
