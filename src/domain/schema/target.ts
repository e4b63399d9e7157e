import { z } from "zod";

export const targetName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,31}$/,
    "a name of lower-case letters, digits and hyphens, a letter first, at most 32 characters",
  );

/** As the user gave them; the platform's own schema checks what they mean. */
export const targetOptions = z.record(z.string().min(1).max(64), z.string().max(4_096));
