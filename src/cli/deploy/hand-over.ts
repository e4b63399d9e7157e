import { KilnError } from "../../lib/errors.ts";
import type { Context } from "../context.ts";
import { formatBytes } from "../output/units.ts";

/**
 * Sees to it that the controller has an image of this machine. The state folder's own controller reads the same image
 * store; one elsewhere gets the blobs that it lacks, over its socket. Throws `version_taken` when the version names another
 * image there, and `controller_unreachable`.
 */
export async function handOver(
  { remoteSocket, state, clock, signal, output }: Context,
  service: string,
  { digest, version }: { readonly digest: string; readonly version: string },
): Promise<void> {
  if (remoteSocket === undefined) return;
  const [{ Registry }, { pushImage }, { imageStore }] = await Promise.all([
    import("../../image/registry/registry.ts"),
    import("../../image/transfer/push.ts"),
    import("../../image/store/image-store.ts"),
  ]);
  const reference = {
    ...{ origin: "http://localhost", host: "the controller" },
    ...{ repository: service, tag: version, digest: undefined },
  };
  const controller = new Registry(reference, {
    ...{ clock, signal, env: {}, socketPath: remoteSocket },
    credentials: async () => undefined,
  });
  try {
    const { sentBytes } = await pushImage(imageStore(state), digest, controller, version, () => {});
    if (sentBytes > 0) output.note(`Sent ${formatBytes(sentBytes)} of the image to the controller.`);
  } catch (error) {
    throw inControllersWords(error);
  }
}

function inControllersWords(error: unknown): unknown {
  if (!(error instanceof KilnError) || error.code !== "registry_unreachable") return error;
  return new KilnError(
    "controller_unreachable",
    "The controller that KILN_CONTROLLER names cannot be reached.",
    {
      hint: "Check that the socket is there, and that ssh still forwards it.",
      cause: error,
    },
  );
}
