import { KilnError } from "../../lib/errors.ts";
import { definedOf, type ForeignDescriptor, foreignConfig, foreignManifest } from "../store/oci-schema.ts";
import { basesOf, hostArchitecture } from "../store/oci-types.ts";
import { notForThisMachine } from "./choose.ts";
import { type ForeignBlobs, parsed } from "./foreign-blobs.ts";
import { importLayer } from "./import-layer.ts";
import type { Base } from "./source.ts";

/**
 * An image that others made, as a base: everything is checked against its digest and its schema. Throws `image_unknown` for
 * another architecture, and `image_invalid`.
 */
export async function foreignBase(blobs: ForeignBlobs, chosen: ForeignDescriptor): Promise<Base> {
  const manifest = await parsed(foreignManifest, blobs, chosen);
  const config = await parsed(foreignConfig, blobs, manifest.config);
  if (config.os !== "linux" || config.architecture !== hostArchitecture()) {
    throw notForThisMachine(blobs, [`${config.os}/${config.architecture}`]);
  }
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new KilnError(
      "image_invalid",
      `${blobs.name}: its manifest and its configuration name different layers.`,
    );
  }
  return {
    identity: chosen.digest,
    bases: basesOf(manifest),
    process: config.config ? definedOf(config.config) : {},
    diffIds: config.rootfs.diff_ids,
    layers: manifest.layers.map((layer, i) => {
      const diffId = config.rootfs.diff_ids[i] ?? "";
      return (target, below) => importLayer(blobs, layer, diffId, target, below);
    }),
  };
}
