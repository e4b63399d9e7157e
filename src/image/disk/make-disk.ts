import { KilnError } from "../../lib/errors.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { bootStub } from "../machine/boot-stub.ts";
import { machineParts } from "../machine/machine-parts.ts";
import { imageSource } from "../store/image-source.ts";
import { imageStore, readConfig, readManifest } from "../store/image-store.ts";
import type { StoredImage } from "../store/images.ts";
import { describeDisk, describeProgram } from "./disk.ts";
import type { DiskServer } from "./guest.ts";
import type { Disk } from "./pieces.ts";
import type { DiskFormat } from "./write-disk.ts";

/** What a disk has besides its image. Hypervisors expect whole MiB, and Google GiB ("Manually import boot disks"). */
export interface DiskOptions {
  /** Folders of memory. */
  readonly writable: readonly string[];
  /** `NAME=value`: they win over the image's. */
  readonly env: readonly string[];
  /** Of the boot program, by which firmware trusts it; `place` is for messages. */
  readonly signature?: { readonly bytes: Buffer; readonly place: string } | undefined;
  readonly format: DiskFormat;
}

/**
 * The bootable disk of an image, from the files that servers run from and Debian's kernel of the lock of this state folder. Needs root, as
 * servers do (`not_root`). Throws `image_invalid`, `signature_invalid`, and what fetching packages throws.
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
  const sign = await signerFor(options.signature);
  const describe = options.format === "uki" ? describeProgram : describeDisk;
  const sizeUnit = options.format === "gce" ? 1 << 30 : 1 << 20;
  return describe({ server, layers: image.layers, parts, stub, sizeUnit, ...(sign && { sign }) }, signal);
}

/** Loads what knows signatures only where there is one. */
async function signerFor(signature: DiskOptions["signature"]) {
  if (signature === undefined) return undefined;
  const [{ checkSignature }, { programDigest, withSignature }] = await Promise.all([
    import("./secure-boot/signed-data.ts"),
    import("./secure-boot/program.ts"),
  ]);
  const { bytes, place } = signature;
  return (program: Buffer) => {
    checkSignature(bytes, programDigest(program), place);
    return withSignature(program, bytes);
  };
}

function merged(base: readonly string[], own: readonly string[]): readonly string[] {
  const values = new Map([...base, ...own].map((line) => [line.slice(0, line.indexOf("=")), line]));
  return [...values.values()];
}
