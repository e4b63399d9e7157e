import type { Context, Outcome } from "../context.ts";
import { formatBytes, plural } from "../output/units.ts";

/** What a running build has written and not yet named is younger than this. */
const minAgeMs = 10 * 60_000;

export async function run(context: Context): Outcome {
  const { collectGarbage } = await import("../../image/collect-garbage.ts");
  const inUse = await (await context.connect()).imagesInUse();
  const collected = await collectGarbage(context.state, {
    keepDigests: new Set(inUse.keys()),
    nowMs: context.clock.now(),
    minAgeMs,
  });
  const { images, files, bytes } = collected;
  context.output.result(collected, [
    ...images.map((image) => `Removed ${image.service}:${image.version}`),
    `Freed ${formatBytes(bytes)} in ${plural(files, "file")}. Images of kept releases, each service's newest, and whatever is younger than 10 minutes stay.`,
  ]);
  return 0;
}
