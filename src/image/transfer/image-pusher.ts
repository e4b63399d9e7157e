import type { ImageDigest } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { parseReference } from "../registry/reference.ts";
import { Registry } from "../registry/registry.ts";
import { imageStore } from "../store/image-store.ts";
import { pushImage } from "./push.ts";

/** `ImagePusher` of the platform contract. Who pushes is whom this process's own `docker login` knows. */
export function imagePusher(state: StateFolder, clock: Clock) {
  return {
    async push(
      image: ImageDigest,
      text: string,
      { signal }: { readonly signal: AbortSignal },
    ): Promise<void> {
      const reference = parseReference(text);
      if (reference?.tag === undefined)
        throw new KilnError("target_invalid", `${text} does not name an image in a registry.`, {
          hint: "Correct the target's option `registry`: `registry.example/team`, or `http://127.0.0.1:5000` for one on this machine.",
        });
      const registry = new Registry(reference, { clock, signal, env: process.env });
      await pushImage(imageStore(state), image, registry, reference.tag, () => {});
    },
  };
}
