import { type Endpoint, endpointName, secureOptions } from "../../api/client/endpoint.ts";
import type { RegistryOptions } from "../../image/registry/registry.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Context } from "../context.ts";
import { formatBytes } from "../output/units.ts";

/**
 * Sees to it that the controller has an image of this machine. The state folder's own controller reads the same image
 * store; one elsewhere gets the blobs that it lacks, over its socket. Throws `version_taken` when the version names another
 * image there, and `controller_unreachable`.
 */
export async function handOver(
  { remote, state, clock, signal, output }: Context,
  service: string,
  { digest, version }: { readonly digest: string; readonly version: string },
): Promise<void> {
  const endpoint = await remote();
  if (endpoint === undefined) return;
  const [{ Registry }, { pushImage }, { imageStore }] = await Promise.all([
    import("../../image/registry/registry.ts"),
    import("../../image/transfer/push.ts"),
    import("../../image/store/image-store.ts"),
  ]);
  const reference = {
    ...{ origin: originOf(endpoint), host: "the controller" },
    ...{ repository: service, tag: version, digest: undefined },
  };
  const controller = new Registry(reference, {
    ...{ clock, signal, env: {}, ...lineTo(endpoint) },
    credentials: async () => undefined,
  });
  try {
    const { sentBytes } = await pushImage(imageStore(state), digest, controller, version, () => {});
    if (sentBytes > 0) output.note(`Sent ${formatBytes(sentBytes)} of the image to the controller.`);
  } catch (error) {
    throw inControllersWords(error, endpoint);
  }
}

function originOf(endpoint: Endpoint): string {
  return "socketPath" in endpoint ? "http://localhost" : `https://${endpoint.address}`;
}

function lineTo(endpoint: Endpoint): Pick<RegistryOptions, "socketPath" | "secure"> {
  if ("socketPath" in endpoint) return endpoint;
  const { token } = endpoint;
  const { ca, servername, minVersion } = secureOptions(endpoint);
  return { secure: { ca, servername, minVersion, ...(token === undefined ? {} : { token }) } };
}

function inControllersWords(error: unknown, endpoint: Endpoint): unknown {
  if (!(error instanceof KilnError)) return error;
  if (error.code === "registry_denied") {
    return new KilnError("forbidden", `The controller does not take the image: ${error.message}`, {
      hint: "A push needs the role deployer of the service. `kiln whoami` shows what the token may do.",
      cause: error,
    });
  }
  if (error.code !== "registry_unreachable") return error;
  return new KilnError(
    "controller_unreachable",
    `The controller at ${endpointName(endpoint)} cannot be reached.`,
    {
      hint:
        "socketPath" in endpoint
          ? "Check that the socket is there, and that ssh still forwards it."
          : "Check the network. On the controller's machine, `kiln access ls` shows where it listens.",
      cause: error,
    },
  );
}
