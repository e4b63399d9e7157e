import { z } from "zod";

/** As the user gave them; the platform's own schema checks what they mean. */
export const targetOptions = z.record(z.string().min(1).max(64), z.string().max(4_096));
