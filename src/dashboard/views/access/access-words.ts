import type { Answer } from "../../../api/contract/types.ts";

export type Token = Answer<"access">["tokens"][number];

/** When a token ends or has ended, and who ended it. */
export function endOf(
  { expiresAtMs, revoked }: Pick<Token, "expiresAtMs" | "revoked">,
  nowMs: number,
): { readonly atMs: number; readonly words: string; readonly by: string | undefined } {
  if (revoked !== undefined)
    return { atMs: revoked.atMs, words: "revoked", by: `by ${revoked.by}: ${revoked.reason}` };
  return { atMs: expiresAtMs, words: expiresAtMs <= nowMs ? "expired" : "", by: undefined };
}

/** By name; those that have ended, the newest end first. */
export function inOrder(
  tokens: readonly Token[],
  nowMs: number,
): { readonly alive: readonly Token[]; readonly ended: readonly Token[] } {
  const isAlive = ({ revoked, expiresAtMs }: Token) => revoked === undefined && expiresAtMs > nowMs;
  const end = (token: Token) => endOf(token, nowMs).atMs;
  return {
    alive: tokens.filter(isAlive).toSorted((a, b) => a.name.localeCompare(b.name)),
    ended: tokens.filter((token) => !isAlive(token)).toSorted((a, b) => end(b) - end(a)),
  };
}
