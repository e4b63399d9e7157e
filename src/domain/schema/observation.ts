import { z } from "zod";
import type { ServerFailure } from "../observation.ts";
import { atMs } from "./values.ts";

export const serverFailure = z.object({
  id: z.string(),
  release: z.number().int(),
  restart: z.number().int().optional(),
  atMs,
  kind: z.enum(["exited", "unready", "not-created"]),
  reason: z.string(),
  permanent: z.boolean().optional(),
  probes: z.array(z.string()),
  logTail: z.array(z.string()),
}) satisfies z.ZodType<ServerFailure>;
