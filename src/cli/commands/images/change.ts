import { KilnError } from "../../../lib/errors.ts";
import { nearest } from "../../../lib/nearest.ts";
import type { Client, StoredVersion } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";

interface ReasonOptions {
  readonly reason?: string;
}

/** `kiln image rm IMAGE...` */
export async function run(context: Context, options: ReasonOptions, names: readonly string[]): Outcome {
  const removed = await changeEach(context, names, "Removed", (client, { service, version }) =>
    client.removeImage({ service, version, ...options }),
  );
  context.output.result(removed, ["`kiln gc` frees the space that nothing else uses."]);
  return 0;
}

/** `kiln image pin IMAGE...` */
export async function pin(context: Context, options: ReasonOptions, names: readonly string[]): Outcome {
  const pinned = await changeEach(context, names, "Pinned", (client, { service, version }) =>
    client.pinImage({ service, version, ...options }),
  );
  context.output.result(pinned, ["`kiln gc` keeps it until `kiln image unpin`."]);
  return 0;
}

/** `kiln image unpin IMAGE...` */
export async function unpin(context: Context, options: ReasonOptions, names: readonly string[]): Outcome {
  const unpinned = await changeEach(context, names, "Unpinned", (client, { service, version }) =>
    client.unpinImage({ service, version, ...options }),
  );
  context.output.result(unpinned, []);
  return 0;
}

/** All names are known before anything changes. */
async function changeEach(
  context: Context,
  names: readonly string[],
  did: string,
  change: (client: Client, image: StoredVersion) => Promise<void>,
): Promise<readonly StoredVersion[]> {
  const client = await context.connect();
  const images = await client.images({});
  const chosen = names.flatMap((name) => findImages(images, name));
  for (const image of chosen) {
    await change(client, image);
    context.output.note(`${did} ${image.service}:${image.version}`);
  }
  return chosen;
}

type Named = Pick<StoredVersion, "service" | "version" | "digest">;

/** Fewer digits of a digest would be ambiguous. */
const fewestDigits = 8;

/**
 * `shop:1.4.0` is that version; `sha256:4f1c...` or `4f1c...` is every version of that image. Throws
 * `image_unknown`.
 */
export function findImages<Image extends Named>(images: readonly Image[], name: string): readonly Image[] {
  const digits = /^(?:sha256:)?([0-9a-f]+)$/.exec(name)?.[1];
  const found = images.filter(
    (image) =>
      `${image.service}:${image.version}` === name ||
      (digits !== undefined && digits.length >= fewestDigits && image.digest.startsWith(`sha256:${digits}`)),
  );
  if (found.length > 0) return found;
  const near = nearest(
    name,
    images.map((image) => `${image.service}:${image.version}`),
  );
  throw new KilnError("image_unknown", `There is no image named ${name}.`, {
    hint:
      near === undefined
        ? "`kiln images` lists all images; name one as SERVICE:VERSION."
        : `Did you mean ${near}?`,
  });
}
