import { KilnError } from "../../lib/errors.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { bootStub } from "../machine/boot-stub.ts";
import { machineParts } from "../machine/machine-parts.ts";
import { imageSource } from "../store/image-source.ts";
import { imageStore, readConfig, readManifest } from "../store/image-store.ts";
import type { StoredImage } from "../store/images.ts";
import { describeDisk } from "./disk.ts";
import type { DiskServer } from "./guest.ts";
import type { Disk } from "./pieces.ts";

/** What a disk has besides its image. */
export interface DiskOptions {
  /** Folders of memory. */
  readonly writable: readonly string[];
  /** `NAME=value`: they win over the image's. */
  readonly env: readonly string[];
}

/**
 * The bootable disk of an image, from the files that servers run from and Debian's kernel of the lock of this state folder. Needs root, as
 * servers do (`not_root`). Throws `image_invalid`, and what fetching packages throws.
 */
export async function diskOf(
  state: StateFolder,
  { service, digest }: Pick<StoredImage, "service" | "digest">,
  options: DiskOptions,
  signal: AbortSignal,
): Promise<Disk> {
  const store = imageStore(state);
  const { architecture } = readConfig(store, readManifest(store, digest));
  if (architecture !== "amd64")
    throw new KilnError("image_invalid", `The image is for ${architecture}; disks are made for amd64 only.`);
  const deadline = Number.POSITIVE_INFINITY;
  const image = await imageSource(state).open(digest, { signal, deadline });
  if (image.argv.length === 0)
    throw new KilnError(
      "image_invalid",
      "The image has no command to run, so that a machine would do nothing.",
    );
  const [parts, stub] = [await machineParts(state, signal), await bootStub(state, signal)];
  const server: DiskServer = {
    ...image,
    ...{ name: service, writable: options.writable, env: merged(image.env, options.env) },
  };
  return describeDisk({ server, layers: image.layers, parts, stub }, signal);
}

function merged(base: readonly string[], own: readonly string[]): readonly string[] {
  const values = new Map([...base, ...own].map((line) => [line.slice(0, line.indexOf("=")), line]));
  return [...values.values()];
}
