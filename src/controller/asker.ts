import type { Asker } from "../domain/access/actor.ts";
import type { Who } from "./operations.ts";

/** Who asks, as the transport tells, and why, as they say. */
export function askerOf({ reason }: { readonly reason?: string | undefined }, { actor }: Who): Asker {
  return { actor, reason };
}
