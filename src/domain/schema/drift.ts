import { z } from "zod";
import { driftKinds } from "../drift/drift.ts";
import { atMs, maybe } from "./values.ts";

export const finding = z.object({
  server: z.string(),
  service: z.string(),
  release: z.number().int(),
  kind: z.enum([...driftKinds, "exec"]),
  subject: z.string().describe("What has changed: a mount point, a file, a limit's name."),
  detail: z.string(),
  atMs,
  who: maybe(z.string()).describe("Who did it, as far as that is known."),
  seenBy: z.string(),
});

export const response = z.enum(["replace", "quarantine", "report"]);
