import { z } from "zod";

/** How long the secret before the present one still counts. */
const overlapMs = 24 * 3_600_000;

/** Secrets of one thing, the newest first: while people put the newest in its place, the one before counts too. */
export const overlappingSecrets = z.array(z.object({ secret: z.string(), untilMs: z.number().optional() }));

type OverlappingSecrets = z.infer<typeof overlappingSecrets>;

/** With a new one; the one before counts for a day. */
export function withNewest([present]: OverlappingSecrets, secret: string, nowMs: number): OverlappingSecrets {
  return [{ secret }, ...(present === undefined ? [] : [{ ...present, untilMs: nowMs + overlapMs }])];
}

/** Those that count now. */
export function secretsAt(secrets: OverlappingSecrets, nowMs: number): readonly string[] {
  return secrets
    .filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs)
    .map(({ secret }) => secret);
}
