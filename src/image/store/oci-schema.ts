import { z } from "zod";
import type { ProcessConfig } from "./oci-types.ts";

/** What Kiln reads of images that others made; unknown members are left out. OCI image specification 1.1. */

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "expected a sha256 digest");
const text = z
  .string()
  .max(65_536)
  .refine((value) => !value.includes("\0"), "contains a NUL");

/** runc enters it before the server is isolated: not a folder of the kernel, and no `..` in the path. */
export const workingFolder = text
  .regex(/^(\/|$)/, "expected an absolute path")
  .refine((path) => !path.split("/").includes(".."), "expected a path without `..`")
  .refine((path) => !/^\/+(\.?\/+)*(proc|sys|dev)(\/|$)/.test(path), "expected a folder of the image");

/** Producers write `null` for what is absent (Go's encoding of an empty member). */
function orNull<T extends z.ZodType>(type: T) {
  return z
    .union([type, z.null()])
    .optional()
    .transform((value) => value ?? undefined);
}

const descriptor = z.object({
  mediaType: z.string(),
  digest,
  size: z.int().min(0),
  annotations: orNull(z.record(z.string(), z.string())),
  platform: orNull(z.object({ os: z.string(), architecture: z.string(), variant: orNull(z.string()) })),
});

export type ForeignDescriptor = z.infer<typeof descriptor>;

/** image-index.md. */
export const foreignIndex = z.object({ manifests: z.array(descriptor).max(10_000) });

/** The same as a list of what refers to an image (distribution specification 1.1, "Listing Referrers"). */
export const referrerList = z.object({
  manifests: z.array(descriptor.extend({ artifactType: orNull(z.string()) })).max(10_000),
});

export type ListedReferrer = z.infer<typeof referrerList>["manifests"][number];

/** manifest.md. */
export const foreignManifest = z.object({
  config: descriptor,
  layers: z.array(descriptor).max(127),
  annotations: orNull(z.record(z.string(), z.string())),
});

/** config.md. */
export const foreignConfig = z.object({
  os: z.string(),
  architecture: z.string(),
  rootfs: z.object({ diff_ids: z.array(digest).max(127) }),
  config: orNull(
    z.object({
      User: orNull(text),
      Env: orNull(z.array(text.regex(/^[^=]+=/, "expected NAME=value")).max(10_000)),
      Entrypoint: orNull(z.array(text).max(10_000)),
      Cmd: orNull(z.array(text).max(10_000)),
      WorkingDir: orNull(workingFolder),
      StopSignal: orNull(text.regex(/^(SIG[A-Z0-9+-]+|\d{1,2}|)$/, "expected a signal")),
      Labels: orNull(z.record(z.string(), text)),
    }),
  ),
});

/** The members of a configuration that are there. */
export function definedOf(config: NonNullable<z.infer<typeof foreignConfig>["config"]>): ProcessConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}
