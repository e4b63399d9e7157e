import { stringify } from "yaml";
import type { Registry } from "../../../image/registry/registry.ts";
import {
  apiPort,
  type ClusterObject,
  controllerManifests,
  controllerName,
  type InClusterController,
} from "../../../platform/kubernetes/install/manifests.ts";
import type { Context, Outcome } from "../../context.ts";
import {
  authorityIn,
  checkOptions,
  type InstallOptions,
  kubeconfigOf,
  serversOf,
} from "../../install/options.ts";
import { registryOf } from "../images/in-registry.ts";

const readyDeadlineMs = 300_000;

/** `kiln install kubernetes`. What is printed is what `--apply` applies. */
export async function run(context: Context, options: InstallOptions): Outcome {
  checkOptions(options);
  const {
    namespace,
    registry,
    registrySecret,
    target,
    expose,
    storage,
    storageClass,
    host: hosts = [],
  } = options;
  const asked: Omit<InClusterController, "image"> = {
    ...{ namespace, servers: serversOf(options), target, expose, hosts, storage, storageClass },
    ...{ registry, registrySecret, registryAuthority: authorityIn(context, options.registryCa) },
  };
  const { output } = context;
  if (options.apply !== true) {
    const image = options.image ?? (await pushedImage(context, registry));
    const manifests = controllerManifests({ ...asked, image });
    output.result({ applied: false, image, manifests }, yamlLines(asked, manifests));
    return 0;
  }
  const kubeconfig = kubeconfigOf(context, options);
  const user = { kubeconfig, context: options.context, clock: context.clock, signal: context.signal };
  const { applyAll, tryAll, untilControllerReady } = await import(
    "../../../platform/kubernetes/install/apply.ts"
  );
  // What the cluster refuses is known before an image is made.
  await tryAll(
    user,
    controllerManifests({ ...asked, image: options.image ?? (await imageToCome(context, registry)) }),
  );
  const image = options.image ?? (await pushedImage(context, registry));
  const manifests = controllerManifests({ ...asked, image });
  await applyAll(user, manifests, (object) => output.note(`  ${nameOf(object)}`));
  if (options.wait)
    await untilControllerReady(user, namespace, readyDeadlineMs, (words) => output.note(`  ${words}`));
  const state = options.wait ? "A controller runs" : "The controller is applied";
  output.result({ applied: true, image, manifests }, [
    `${state} in the namespace ${namespace}; its servers will be in ${asked.servers}. To log in:`,
    ...loginLines(asked).map((line) => `  ${line}`),
  ]);
  return 0;
}

/** As the one that will be pushed, which is not there yet. */
async function imageToCome(context: Context, registry: string): Promise<string> {
  return nameIn(await controllerRegistry(context, registry), `sha256:${"0".repeat(64)}`);
}

async function controllerRegistry(context: Context, registry: string): Promise<Registry> {
  const { controllerService } = await import("../../install/controller-image.ts");
  return await registryOf(context, `${registry.replace(/\/+$/, "")}/${controllerService}`);
}

/** How nodes name an image of it. */
function nameIn({ reference: { host, repository } }: Registry, digest: string): string {
  return `${host}/${repository}@${digest}`;
}

/** Builds the controller's image and pushes it. Returns how nodes name it. */
async function pushedImage(context: Context, registry: string): Promise<string> {
  const [{ buildControllerImage }, { pushImage }, { imageStore }] = await Promise.all([
    import("../../install/controller-image.ts"),
    import("../../../image/transfer/push.ts"),
    import("../../../image/store/image-store.ts"),
  ]);
  const client = await controllerRegistry(context, registry);
  const digest = await buildControllerImage(context);
  // A tag, because registries may remove what has none.
  const tag = `kiln-${digest.replace("sha256:", "").slice(0, 12)}`;
  await pushImage(imageStore(context.state), digest, client, tag, (text) => context.output.note(text));
  return nameIn(client, digest);
}

function yamlLines(asked: Omit<InClusterController, "image">, manifests: readonly ClusterObject[]): string[] {
  const how = { aliasDuplicateObjects: false, compat: "yaml-1.1", lineWidth: 0 } as const;
  return [
    ...["# A Kiln controller in a cluster: `kubectl apply -f` applies it. To log in afterwards:"],
    ...loginLines(asked).map((line) => `#   ${line}`),
    ...manifests.flatMap((object) => ["---", stringify(object, how).trimEnd()]),
  ];
}

function loginLines({ namespace, expose, hosts }: Omit<InClusterController, "image">): string[] {
  const [host] = hosts;
  const address = host === undefined ? `127.0.0.1:${apiPort}` : `${host}:${apiPort}`;
  const isNear = host === undefined || expose === "ClusterIP";
  return [
    `kubectl -n ${namespace} exec ${controllerName}-0 -- kiln access invite NAME --role admin --address ${address}`,
    ...(isNear
      ? [`kubectl -n ${namespace} port-forward service/${controllerName} ${apiPort}   # meanwhile`]
      : []),
    "kiln login LINE   # the line that the first command has printed",
  ];
}

function nameOf({ kind, metadata }: ClusterObject): string {
  return `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}
