import type { ServerId } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import type { TargetName } from "../../domain/target.ts";
import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";

/** The error for an unknown server's name, with the one that was most likely meant. `silent`: what could not be seen. */
export function unknownServer(
  server: ServerId,
  seen: readonly Observation[],
  silent: readonly TargetName[] = [],
): KilnError {
  const near = nearest(server, seen.flatMap(idsOf));
  const remark =
    silent.length === 0 ? "" : ` It may be on a target that does not answer: ${silent.join(", ")}.`;
  return new KilnError("server_unknown", `There is no server ${server}.`, {
    hint: (near === undefined ? "`kiln servers` lists them." : `Did you mean ${near}?`) + remark,
  });
}

/** Every server that is there, reproductions too. */
function idsOf({ groups, reproductions = [] }: Observation): readonly ServerId[] {
  return [...groups.flatMap(({ servers }) => servers), ...reproductions].map(({ id }) => id);
}
