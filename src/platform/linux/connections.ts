import type { ServerId } from "../../domain/ids.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { exec } from "../../lib/process/exec.ts";

/**
 * Ends the machine's connections to the frozen server, the router's among them: it sends what may be sent twice to
 * another server, instead of waiting for an answer that does not come. A help only: a kernel may be unable to do it.
 */
export async function cutConnections(
  { log }: { readonly log: Logger },
  { id, address }: { readonly id: ServerId; readonly address: string },
): Promise<void> {
  try {
    await exec(["ss", "--kill", "--tcp", "dst", address], { accept: "any" });
  } catch (error) {
    log.debug({ server: id, error: toKilnError(error).message }, "its connections were not cut");
  }
}
