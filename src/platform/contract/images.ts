import type { ImageDigest } from "../../domain/ids.ts";
import type { Call } from "./call.ts";

/** Images as a host needs them; `src/image` implements it, the composition root hands it in. */
export interface ImageSource {
  /** Whether `open` can succeed. Throws `image_unknown`, `image_invalid`. Makes no file of a layer. */
  check(image: ImageDigest, call: Call): Promise<void>;
  /** Throws `image_unknown`, `image_invalid`. Makes what is missing (one erofs file per layer); repeating it is cheap. */
  open(image: ImageDigest, call: Call): Promise<HostImage>;
}

/** Images for an engine that makes root file systems by itself; `src/image` implements it. */
export interface ImagePacker {
  /** As `ImageSource.check`. */
  check(image: ImageDigest, call: Call): Promise<void>;
  /** Throws `image_unknown`, `image_invalid`. Makes no file. */
  pack(image: ImageDigest, call: Call): Promise<PackedImage>;
  /** Throws `command_missing` unless the image can run the command. */
  requireCommand(image: ImageDigest, command: readonly string[], call: Call): Promise<void>;
}

/** Puts images where an engine fetches them from; `src/image` implements it, the composition root hands it in. */
export interface ImagePusher {
  /**
   * Stores the image in a registry, with its digest, under `reference`: `registry.example/team/shop:tag`, with `http://` in front for
   * one on this machine. Throws `registry_unreachable`, `registry_denied`, `registry_failed`, `image_unknown`, `image_invalid`.
   */
  push(image: ImageDigest, reference: string, call: Call): Promise<void>;
}

export interface PackedImage extends ImageProcess {
  /** GOARCH of the machines that it runs on. */
  readonly architecture: string;
  /** The digest of its configuration, `sha256:…`, which is what Docker's graph drivers name an image by. */
  readonly config: string;
  /** A tar archive that `docker load` takes on every kind of image store; the image is shown there by this name. */
  archive(name: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface HostImage extends ImageProcess {
  /** Bottom layer first. */
  readonly layers: readonly { readonly file: string; readonly sha256: string }[];
}

/** What the image says of the process that is started from it. */
export interface ImageProcess {
  readonly digest: ImageDigest;
  readonly argv: readonly string[];
  /** `NAME=value`, as in the OCI image configuration. */
  readonly env: readonly string[];
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups of the user, from the image's /etc/group. */
  readonly groups: readonly number[];
  readonly workingFolder: string;
  /** Signal name without SIG, e.g. `TERM`, `QUIT`. */
  readonly stopSignal: string;
}
