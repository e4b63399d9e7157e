import { z } from "zod";

/**
 * JSON has no undefined: what may be undefined in Kiln's types may be absent here. (The type keeps the key, as those
 * types do; that is all the cast says.)
 */
export function maybe<Schema extends z.ZodType>(schema: Schema): z.ZodType<z.output<Schema> | undefined> {
  return schema.optional() as unknown as z.ZodType<z.output<Schema> | undefined>;
}

/** Below 0 on a machine whose clock began at 1970 and was set meanwhile. */
export const atMs = z.number().int().describe("Unix time in ms.");

/** A year: no one waits longer, and timers take no more than 2^31 ms in steps. */
export const durationMs = z.number().int().min(0).max(31_536_000_000);

/** How long something took, by the clock: one that was set meanwhile may have shown years. */
export const tookMs = z.number().int().min(0);

export const releaseNumber = z.number().int().min(1);

export const amount = z.number().int().min(0);

export const count = amount.max(1_000);

export const printable = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[^\p{Cc}]*$/u, "no control characters");

/** A service key as a deploy may make it; other calls take any text and say when there is no such service. */
export const newServiceKey = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}(\.[a-z][a-z0-9-]{0,31})?$/, "a service's name, optionally with .ENVIRONMENT");

/** As in the keys of services. */
export const environmentName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,31}$/,
    "the name of an environment: lower-case letters, digits and hyphens, a letter first",
  );

export const base64 = z.base64();
