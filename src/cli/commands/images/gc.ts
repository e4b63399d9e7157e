import type { Context, Outcome } from "../../context.ts";
import { formatBytes, plural } from "../../output/units.ts";

export async function run(context: Context): Outcome {
  const collected = await (await context.connect()).collectImages({});
  const { images, files, bytes } = collected;
  context.output.result(collected, [
    ...images.map((image) => `Removed ${image.service}:${image.version}`),
    `Freed ${formatBytes(bytes)} in ${plural(files, "file")}. Kept: the images of kept releases, pinned images, the newest image of each service, installations and built Dockerfiles and templates that a build has used within 30 days, and everything younger than 10 minutes.`,
  ]);
  return 0;
}
