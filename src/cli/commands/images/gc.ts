import type { Context, Outcome } from "../../context.ts";
import { formatBytes, plural } from "../../output/units.ts";

/** Files that a running build has written but not yet named are younger than this. */
const minAgeMs = 10 * 60_000;

export async function run(context: Context): Outcome {
  const { collectGarbage } = await import("../../../image/store/collect-garbage.ts");
  const inUse = new Map(Object.entries(await (await context.connect()).imagesInUse()));
  const collected = await collectGarbage(context.state, {
    keepDigests: new Set(inUse.keys()),
    nowMs: context.clock.now(),
    minAgeMs,
  });
  const { images, files, bytes } = collected;
  context.output.result(collected, [
    ...images.map((image) => `Removed ${image.service}:${image.version}`),
    `Freed ${formatBytes(bytes)} in ${plural(files, "file")}. Kept: the images of kept releases, the newest image of each service, and everything younger than 10 minutes.`,
  ]);
  return 0;
}
