import { userInfo } from "node:os";
import type { ImageDigest } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Env } from "../registry/credential-file.ts";
import { parseReference } from "../registry/reference.ts";
import { Registry } from "../registry/registry.ts";
import { imageStore } from "../store/image-store.ts";
import { pushImage } from "./push.ts";

/**
 * Where the logins of this process's user are. A controller's `HOME` is not a real folder, so the user database says where that
 * user's home is; `DOCKER_CONFIG` stays what it is.
 */
export function ownLogins({ DOCKER_CONFIG, HOME }: Env = process.env): Env {
  return { DOCKER_CONFIG, HOME: homeOfUser() ?? HOME };
}

/** Undefined without an entry in the user database, as in containers. */
function homeOfUser(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}

/** `ImagePusher` of the platform contract. Who pushes is whom the logins of this process's user name. */
export function imagePusher(state: StateFolder, clock: Clock, logins: Env = ownLogins()) {
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
      const registry = new Registry(reference, { clock, signal, env: logins });
      await pushImage(imageStore(state), image, registry, reference.tag, () => {});
    },
  };
}
