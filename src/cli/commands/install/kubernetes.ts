import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { KilnError } from "../../../lib/errors.ts";
import {
  apiPort,
  type ClusterObject,
  controllerManifests,
  controllerName,
  type InClusterController,
} from "../../../platform/kubernetes/install/manifests.ts";
import type { Context, Outcome } from "../../context.ts";
import { registryOf } from "../images/in-registry.ts";

interface InstallOptions {
  readonly registry: string;
  readonly image?: string;
  readonly registrySecret?: string;
  readonly registryCa?: string;
  readonly namespace: string;
  readonly servers?: string;
  readonly target: string;
  readonly expose: InClusterController["expose"];
  readonly host?: readonly string[];
  readonly storage: string;
  readonly storageClass?: string;
  readonly apply?: true;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly wait: boolean;
}

const readyDeadlineMs = 300_000;

/** `kiln install kubernetes`. What is printed is what `--apply` applies. */
export async function run(context: Context, options: InstallOptions): Outcome {
  checkNames(options);
  const kubeconfig = options.apply === true ? kubeconfigOf(context, options) : undefined;
  const registryAuthority = authorityIn(context, options.registryCa);
  const image = options.image ?? (await pushedImage(context, options.registry));
  const { namespace, servers = `${namespace}-servers`, host: hosts = [] } = options;
  const { registry, registrySecret, target, expose, storage, storageClass } = options;
  const asked: InClusterController = {
    ...{
      namespace,
      servers,
      image,
      registry,
      registrySecret,
      registryAuthority,
      target,
      expose,
      hosts,
      storage,
      storageClass,
    },
  };
  const manifests = controllerManifests(asked);
  const { output } = context;
  if (kubeconfig === undefined) {
    output.result({ applied: false, image, manifests }, yamlLines(asked, manifests));
    return 0;
  }
  const { applyAll, untilControllerReady } = await import("../../../platform/kubernetes/install/apply.ts");
  const user = { kubeconfig, context: options.context, clock: context.clock, signal: context.signal };
  await applyAll(user, manifests, (object) => output.note(`  ${nameOf(object)}`));
  if (options.wait)
    await untilControllerReady(user, namespace, readyDeadlineMs, (words) => output.note(`  ${words}`));
  const state = options.wait ? "A controller runs" : "The controller is applied";
  output.result({ applied: true, image, manifests }, [
    `${state} in the namespace ${namespace}; its servers will be in ${servers}. To log in:`,
    ...loginLines(asked).map((line) => `  ${line}`),
  ]);
  return 0;
}

/** What a cluster would refuse amid the work. Throws `usage`. */
function checkNames({ namespace, servers, target, image, storage, registry }: InstallOptions): void {
  const expect = (option: string, value: string | undefined, pattern: RegExp, expected: string) => {
    if (value === undefined || pattern.test(value)) return;
    throw new KilnError("usage", `--${option} is ${value}; expected ${expected}.`);
  };
  const name = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
  expect("namespace", namespace, name, "the name of a namespace");
  expect("servers", servers, name, "the name of a namespace");
  expect("target", target, /^[a-z][a-z0-9-]{0,31}$/, "lower-case letters, digits and hyphens");
  if (target === "local") expect("target", target, /^$/, "another name: `local` is the controller's machine");
  expect("image", image, /^[^\s@]+@sha256:[0-9a-f]{64}$/, "an image by its digest: HOST/NAME@sha256:…");
  expect("storage", storage, /^\d+(Mi|Gi|Ti)$/, "a size such as 10Gi");
  expect(
    "registry",
    registry,
    /^(http:\/\/)?[^/\s@]+(\/[a-z0-9._/-]+)?$/,
    "a registry, such as registry.example/team",
  );
}

/** Throws `usage`. */
function kubeconfigOf({ env, cwd }: Context, { kubeconfig }: InstallOptions): string {
  const usual = env.HOME === undefined ? undefined : join(env.HOME, ".kube/config");
  const found = kubeconfig ?? (env.KUBECONFIG || usual);
  if (found !== undefined) return resolve(cwd, found);
  throw new KilnError("usage", "Nothing names a kubeconfig.", { hint: "Give one: --kubeconfig FILE" });
}

/** Throws `usage`. */
function authorityIn({ cwd }: Context, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    const text = readFileSync(resolve(cwd, path), "utf8");
    // Certificates alone: what is returned is printed, and a file may hold a private key next to them.
    const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (certificates.length === 0) throw new Error("no certificate in PEM");
    for (const certificate of certificates) new X509Certificate(certificate);
    return `${certificates.join("\n")}\n`;
  } catch (cause) {
    throw new KilnError("usage", `${path} has no certificate in PEM that can be read.`, { cause });
  }
}

/** Builds the controller's image and pushes it. Returns how nodes name it. */
async function pushedImage(context: Context, registry: string): Promise<string> {
  const [{ buildControllerImage, controllerService }, { pushImage }, { imageStore }] = await Promise.all([
    import("../../install/controller-image.ts"),
    import("../../../image/transfer/push.ts"),
    import("../../../image/store/image-store.ts"),
  ]);
  const client = await registryOf(context, `${registry.replace(/\/+$/, "")}/${controllerService}`);
  const digest = await buildControllerImage(context);
  // A tag, because registries may remove what has none.
  const tag = `kiln-${digest.replace("sha256:", "").slice(0, 12)}`;
  await pushImage(imageStore(context.state), digest, client, tag, (text) => context.output.note(text));
  const { host, repository } = client.reference;
  return `${host}/${repository}@${digest}`;
}

function yamlLines(asked: InClusterController, manifests: readonly ClusterObject[]): string[] {
  const how = { aliasDuplicateObjects: false, compat: "yaml-1.1", lineWidth: 0 } as const;
  return [
    ...["# A Kiln controller in a cluster: `kubectl apply -f` applies it. To log in afterwards:"],
    ...loginLines(asked).map((line) => `#   ${line}`),
    ...manifests.flatMap((object) => ["---", stringify(object, how).trimEnd()]),
  ];
}

function loginLines({ namespace, expose, hosts }: InClusterController): string[] {
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
