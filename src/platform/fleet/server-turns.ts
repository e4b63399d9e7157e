import type { ServerId } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import { createKeyedLocks } from "../../lib/locks.ts";
import type { Call } from "../contract/call.ts";
import { isHostedId } from "./server-id.ts";

/** One piece of work at a time for each server, in the order of the calls. Throws `server_unknown` and, when the call ends early, `cancelled`. */
export function serverTurns(): <T>(id: ServerId, call: Call, work: () => Promise<T>) => Promise<T> {
  const oneAtATime = createKeyedLocks();
  return async (id, call, work) =>
    oneAtATime(requireHostedId(id), () => work().catch((error) => Promise.reject(cancelledOr(error, call))));
}

/** Ids become names of files, namespaces, cgroups and containers. Throws `server_unknown` for what cannot be one. */
export function requireHostedId(id: ServerId): ServerId {
  if (isHostedId(id)) return id;
  throw new KilnError("server_unknown", `${JSON.stringify(id)} is not a server's id.`);
}

/** Node.js has errors of its own for signals that fire; ours say what it means. */
function cancelledOr(error: unknown, { signal }: Call): unknown {
  if (error instanceof KilnError || !signal.aborted) return error;
  return new KilnError("cancelled", "The call was cancelled or took too long.", {
    cause: error,
    retry: true,
  });
}
