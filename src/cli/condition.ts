import type { ServerStatus } from "./api.ts";
import { plainText } from "./output/text.ts";

/**
 * How a server is, in the same words wherever servers are listed: what was found on it and who takes its place; of all
 * others, the last health check. A tainted server may answer well, so its health says nothing.
 */
export function conditionOf({ taint, health }: Pick<ServerStatus, "taint" | "health">): string {
  if (taint === undefined) return plainText(health ?? "");
  const successor = taint.replacedBy === undefined ? "" : `; ${taint.replacedBy} takes its place`;
  const held = taint.held ? "; somebody is in it" : "";
  return plainText(`tainted: ${taint.finding.detail}${held}${successor}`);
}

/** Ready, and what it was made as. */
export function isWell({ state, taint }: Pick<ServerStatus, "state" | "taint">): boolean {
  return state === "ready" && taint === undefined;
}
