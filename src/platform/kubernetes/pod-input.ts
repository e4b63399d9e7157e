import type { Release } from "../../domain/rollout/release.ts";
import type { Call } from "../contract/call.ts";
import type { KubernetesContext } from "./context.ts";
import type { PodInput } from "./objects/pod.ts";
import { imageReference } from "./target/publish.ts";

/** What all pods of a release are made of, whatever they are for. */
export async function podInputOf(host: KubernetesContext, release: Release, call: Call): Promise<PodInput> {
  const { cluster, images, pullSecret } = host;
  return {
    ...{ owner: cluster.owner, release, pullSecret, reference: imageReference(host, release) },
    image: await images.pack(release.image, call),
    minor: (await cluster.version(call)).minor,
  };
}
