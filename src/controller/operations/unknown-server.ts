import type { ServerId } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";

/** The error for an unknown server's name, with the one that was most likely meant. */
export function unknownServer(server: ServerId, observation: Observation): KilnError {
  const near = nearest(server, idsOf(observation));
  return new KilnError("server_unknown", `There is no server ${server}.`, {
    hint: near === undefined ? "`kiln servers` lists them." : `Did you mean ${near}?`,
  });
}

/** Every server that is there, reproductions too. */
export function idsOf({ groups, reproductions = [] }: Observation): readonly ServerId[] {
  return [...groups.flatMap(({ servers }) => servers), ...reproductions].map(({ id }) => id);
}
