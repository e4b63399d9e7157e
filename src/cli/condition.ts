import type { ServerStatus } from "./api.ts";
import { plainText } from "./output/text.ts";

/**
 * The state of a server in the same words wherever servers are listed: of a tainted one, the finding and its
 * successor; of all others, the last health check. A tainted server may still be healthy, so its health check is left out.
 */
export function conditionOf({ taint, health }: Pick<ServerStatus, "taint" | "health">): string {
  if (taint === undefined) return plainText(health ?? "");
  const successor = taint.replacedBy === undefined ? "" : `; ${taint.replacedBy} takes its place`;
  const held = taint.held ? "; a session is open in it" : "";
  return plainText(`tainted: ${taint.finding.detail}${held}${successor}`);
}

/** Ready and not tainted. */
export function isWell({ state, taint }: Pick<ServerStatus, "state" | "taint">): boolean {
  return state === "ready" && taint === undefined;
}
