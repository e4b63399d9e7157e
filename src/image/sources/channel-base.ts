import { KilnError } from "../../lib/errors.ts";
import { openOciLayout } from "./layout/oci-layout.ts";
import type { Base, OpenCall } from "./source.ts";

/**
 * The image of this machine's store that a channel named when kiln.lock was written. Throws `lock_invalid`, `image_unknown` when the
 * store lacks it, and what looking the channel up throws.
 */
export async function openChannelBase(
  { service, name }: { readonly service: string; readonly name: string },
  call: OpenCall,
): Promise<Base> {
  const { channelDigest, bases, place } = call;
  const digest = await bases.pin(`channel:${service}/${name}`, async () => {
    if (channelDigest === undefined) throw new KilnError("internal", "This build knows no channels.");
    return channelDigest(service, name);
  });
  try {
    return await openOciLayout({ kind: "oci", path: place.store.folder, ref: digest }, call);
  } catch (error) {
    if (!(error instanceof KilnError && error.code === "image_unknown")) throw error;
    throw new KilnError(
      "image_unknown",
      `The image ${digest}, where the channel ${service}/${name} was, is not in the image store.`,
      {
        hint: `\`kiln build --update\` takes the one where it is now; \`kiln image pull HOST/NAME@${digest} --as ${service}:VERSION\` brings it back.`,
        cause: error,
      },
    );
  }
}
