import { z } from "zod";
import { finding, response } from "../../../domain/schema/drift.ts";
import { amount, atMs, maybe, releaseNumber } from "../../../domain/schema/values.ts";
import { flag } from "../common.ts";

const Drift = z.strictObject({
  server: z.string().optional().describe("Only drift of this server."),
  inspect: flag.optional().describe("Inspect every server once more first."),
});

const DriftReports = z.array(finding.extend({ response: maybe(response) }));

const evidenceSummary = z.object({
  digest: z.string().describe("The archive's digest."),
  server: z.string(),
  release: releaseNumber,
  image: z.string(),
  taint: z.object({ kind: z.string(), subject: z.string(), detail: z.string(), atMs }),
  atMs,
  bytes: amount,
  left: z.array(z.string()).describe("Paths of writable places that did not fit into the archive."),
  missing: z
    .array(z.string())
    .optional()
    .describe("What could not be read, each with the reason. Absent: nothing."),
});

const EvidenceList = z.array(evidenceSummary);

const EvidenceReport = evidenceSummary.extend({
  who: finding.shape.who,
  processes: z.array(
    z.object({
      pid: z.number().int(),
      parent: z.number().int(),
      uid: z.number().int(),
      name: z.string(),
      state: z.string(),
      argv: z.array(z.string()),
      executable: maybe(z.string()),
      workingFolder: maybe(z.string()),
      namespaces: z.record(z.string(), z.string()),
      files: z.record(z.string(), z.string()),
      own: z.boolean().describe("Whether the process is in the server's cgroup."),
    }),
  ),
  mounts: z.array(z.string()),
  transcripts: z.array(z.string()).optional().describe("Paths in the archive: what people did in it."),
  log: z.array(z.string()),
});

/** What the operations are asked with. */
export const driftAsks = { Drift };

/** What they answer. */
export const driftAnswers = { DriftReports, EvidenceList, EvidenceReport };
