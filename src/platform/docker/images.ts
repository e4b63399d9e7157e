import { createInterface } from "node:readline";
import type { ImageDigest } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import { createKeyedLocks } from "../../lib/locks.ts";
import type { Call } from "../contract/call.ts";
import type { ImagePacker, PackedImage } from "../contract/images.ts";
import { engineInfo, inspectedImage, loadProgress } from "./engine/answers.ts";
import type { Engine } from "./engine/engine.ts";

/** An image that the engine has. */
export interface LoadedImage {
  /** What a container has to be made from: nothing else can be meant by it. */
  readonly id: string;
  readonly image: PackedImage;
}

/** The images of this installation, on the engine. */
export interface EngineImages {
  /** Throws what `ImagePacker.check` throws. */
  check(image: ImageDigest, call: Call): Promise<void>;
  /** Brings the image there unless it is there. Throws `image_unknown`, `image_invalid`. */
  ensure(image: ImageDigest, call: Call): Promise<LoadedImage>;
}

export function engineImages(engine: Engine, packer: ImagePacker): EngineImages {
  const inTurn = createKeyedLocks();
  const packed = new Map<ImageDigest, PackedImage>();

  async function pack(digest: ImageDigest, call: Call): Promise<PackedImage> {
    const image = packed.get(digest) ?? (await packer.pack(digest, call));
    packed.set(digest, image);
    return image;
  }

  /** Graph drivers name an image by the digest of its configuration, containerd's store by that of its manifest. */
  async function find({ config, digest }: PackedImage, { signal }: Call): Promise<string | undefined> {
    for (const id of [config, digest]) {
      const found = await engine.read({ path: `/images/${id}/json`, accept: [404], signal }, inspectedImage);
      if (found?.Id === id) return id;
    }
    return undefined;
  }

  async function load(image: PackedImage, call: Call): Promise<void> {
    await requireSameArchitecture(engine, image, call);
    const answer = await engine.stream({
      ...{ method: "POST", path: "/images/load", query: { quiet: "1" } },
      ...{
        archive: image.archive(`kiln:${image.digest.replace("sha256:", "")}`, call.signal),
        signal: call.signal,
      },
    });
    for await (const line of createInterface({ input: answer })) {
      const { error } = loadProgress.parse(JSON.parse(line));
      if (error !== undefined) throw notLoaded(image, error);
    }
  }

  return {
    check: (image, call) => packer.check(image, call),
    ensure: (digest, call) =>
      inTurn(digest, async () => {
        const image = await pack(digest, call);
        const present = await find(image, call);
        if (present !== undefined) return { id: present, image };
        await load(image, call);
        const id = await find(image, call);
        if (id === undefined) throw notLoaded(image, "it is not there afterwards");
        return { id, image };
      }),
  };
}

/** GOARCH by what `uname -m` says. */
const architectures: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64", armv7l: "arm" };

/** A program for another processor would be found out by each server's failure to start. */
async function requireSameArchitecture(engine: Engine, image: PackedImage, { signal }: Call): Promise<void> {
  const info = await engine.read({ path: "/info", signal }, engineInfo);
  const of = info?.Architecture ?? "";
  const theirs = architectures[of] ?? of;
  if (theirs === image.architecture) return;
  const message = `The image is for ${image.architecture}, and the Docker engine's machine is ${theirs}.`;
  throw new KilnError("image_invalid", message, {
    hint: "Build the image on a machine of that kind, or deploy to another target.",
    permanent: true,
  });
}

function notLoaded({ digest }: PackedImage, reason: string): KilnError {
  return new KilnError("image_invalid", `Docker could not load the image ${digest}: ${reason}.`, {
    hint: "Check that the engine's disk has room, and that the image passes `kiln image verify`.",
  });
}
