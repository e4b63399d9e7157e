import { KilnError } from "../../../lib/errors.ts";
import { nearest } from "../../../lib/nearest.ts";
import type { StoredVersion } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText, table } from "../../output/text.ts";
import { formatAge, formatBytes, shortDigest } from "../../output/units.ts";

export async function run(context: Context, _options: object, service?: string): Outcome {
  const stored = await (await context.connect()).images({});
  const images = ofService(stored, service).toReversed();
  context.output.result(images, imageLines(images, context.clock.now()));
  return 0;
}

/** The images of one service, or all. Throws `image_unknown` for a named service without images. */
export function ofService(
  images: readonly StoredVersion[],
  service: string | undefined,
): readonly StoredVersion[] {
  const found = images.filter((image) => service === undefined || image.service === service);
  if (service === undefined || found.length > 0) return found;
  const services = [...new Set(images.map((image) => image.service))];
  const near = nearest(service, services);
  const list =
    services.length === 0 ? "`kiln build` builds one." : `Services with images: ${services.join(", ")}.`;
  throw new KilnError("image_unknown", `${service} has no images.`, {
    hint: near === undefined ? list : `Did you mean ${near}?`,
  });
}

/** One line per image, the newest first. Equal layers are stored once, so the sizes do not add up. */
export function imageLines(images: readonly StoredVersion[], nowMs: number): string[] {
  if (images.length === 0) return ["No images. `kiln build` builds one."];
  const rows = images.map((image) => [
    image.service,
    image.version,
    shortDigest(image.digest),
    formatBytes(image.bytes),
    formatAge(nowMs - image.createdAtMs),
    [
      ...image.usedBy,
      ...(image.pinned ? ["pinned"] : []),
      ...(image.revoked === undefined ? [] : [`revoked: ${plainText(image.revoked.reason)}`]),
    ].join(", ") || "-",
  ]);
  return table(["SERVICE", "VERSION", "DIGEST", "SIZE", "AGE", "USED BY"], rows);
}
