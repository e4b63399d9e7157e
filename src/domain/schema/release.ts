import { z } from "zod";
import type { Release, UnbuiltRelease, WantedRelease } from "../rollout/release.ts";
import { allowPattern } from "../spec/network.ts";
import { admission } from "./admission.ts";
import { health } from "./health.ts";
import { job, placedPath, schedule, secret, shape, traffic } from "./spec.ts";
import { atMs, base64, maybe, releaseNumber } from "./values.ts";

const mode = z.number().int().min(0).max(0o7777).describe("Permission bits.");

const mostFiles = 64;

const mostFileBytes = 1024 * 1024;

const file = z.strictObject({
  to: placedPath,
  mode,
  content: base64.describe("The file's bytes, as base64."),
});

const jobs = z
  .array(job)
  .max(32)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "each name once");

const schedules = z
  .array(schedule)
  .min(1)
  .max(16)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "each name once")
  .optional();

const network = z
  .strictObject({
    allow: z
      .array(z.string().regex(allowPattern))
      .max(100)
      .optional()
      .describe("Which services reach it; absent: services of the same environment."),
    metadata: z
      .literal(true)
      .optional()
      .describe("Its servers may read the machine's cloud metadata and credentials; absent: they may not."),
  })
  .optional();

const built = {
  image: z.string().regex(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits"),
  version: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, "a version label"),
};

const draft = { ...built, shape, health, traffic: maybe(traffic), jobs, schedules, network };

const unbuilt = {
  ...{ shape, health, traffic: maybe(traffic), jobs, schedules, network },
  secrets: z.array(secret).max(64).describe("Servers get the newest version of each."),
  files: z
    .array(file)
    .max(mostFiles)
    .refine((files) => bytesOf(files) <= mostFileBytes, `at most ${mostFileBytes} bytes together`),
};

export const unbuiltRelease = z.strictObject(unbuilt) satisfies z.ZodType<UnbuiltRelease>;

export const wantedRelease = z.strictObject({ ...built, ...unbuilt }) satisfies z.ZodType<WantedRelease>;

function bytesOf(files: readonly { readonly content: string }[]): number {
  return files.reduce((sum, { content }) => sum + (content.replace(/=+$/, "").length * 3) / 4, 0);
}

const frozenSecret = secret.extend({ version: z.number().int().min(1) });
const frozenFile = z.object({ to: z.string(), mode, digest: z.string() });

/** As it is kept. What has none of them was perhaps kept before there were any, and equal drafts stay equal. */
export const keptDraft = z.object({
  ...draft,
  secrets: z.array(frozenSecret).default([]),
  files: z.array(frozenFile).default([]),
  jobs: jobs.default([]),
});

export const release = z.object({
  ...draft,
  secrets: z.array(frozenSecret),
  files: z.array(frozenFile),
  service: z.string(),
  number: releaseNumber,
  createdAtMs: atMs,
  createdBy: z.string(),
  admission: admission
    .optional()
    .describe("What image policies said when servers of it were last asked for."),
}) satisfies z.ZodType<Release>;
