/**
 * One client. Each call asks once, or holds one conversation, and resolves to the number of answers it got; it throws
 * what became of the request when any part of it was lost.
 */
export type Ask = (signal: AbortSignal) => Promise<number>;
