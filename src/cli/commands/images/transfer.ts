import type { Reference } from "../../../image/registry/reference.ts";
import type { PulledReferrers } from "../../../image/transfer/pull-referrers.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { formatBytes, shortDigest } from "../../output/units.ts";
import { isInRegistry, noReference, registryOf, requireNamed } from "./in-registry.ts";
import { storedImage } from "./stored.ts";

/** `kiln image push IMAGE REF`. Without a tag in REF, the image's version is the tag. */
export async function push(context: Context, _options: object, name: string, target: string): Outcome {
  const [{ pushImage }, { imageStore }, registry, image] = await Promise.all([
    import("../../../image/transfer/push.ts"),
    import("../../../image/store/image-store.ts"),
    registryOf(context, target),
    storedImage(context, name),
  ]);
  const { reference } = registry;
  if (reference.digest !== undefined) throw noReference(target, "a name, optionally with a tag");
  const tag = reference.tag ?? image.version;
  const pushed = await pushImage(imageStore(context.state), image.digest, registry, tag, (text) =>
    context.output.note(text),
  );
  const where = `${reference.host}/${reference.repository}:${tag}`;
  context.output.result({ ...pushed, service: image.service, version: image.version, reference: where }, [
    `Pushed ${image.service}:${image.version} to ${where}: ${formatBytes(pushed.sentBytes)} sent.`,
    `It is ${reference.host}/${reference.repository}@${image.digest}`,
  ]);
  return 0;
}

interface PullOptions {
  readonly as?: string;
}

/** `kiln image pull REF`: the image gets a version here, by which it can be deployed. */
export async function pull(context: Context, options: PullOptions, source: string): Outcome {
  const [registry, { pullImage }] = await Promise.all([
    registryOf(context, source),
    import("../../../image/transfer/pull.ts"),
  ]);
  const { reference } = registry;
  requireNamed(registry, source);
  const name = options.as === undefined ? nameOf(reference) : parseName(options.as);
  if (name === undefined) {
    throw new KilnError(
      "usage",
      `${options.as ?? source} gives no name of a service and version for the image.`,
      {
        hint: "Name it SERVICE:VERSION: `kiln image pull REFERENCE --as shop:1.4.0`, or `kiln image copy REFERENCE shop:1.4.0`.",
      },
    );
  }
  const pulled = await pullImage(context.state, registry, name, (text) => context.output.note(text));
  const { service, version, digest, bytes, notTaken } = pulled;
  context.output.result(pulled, [
    `${pulled.changed ? "Pulled" : "Already here:"} ${service}:${version}, ${formatBytes(bytes)}, ${shortDigest(digest)}.`,
    ...notTakenLines(notTaken),
    `\`kiln deploy --image ${version}\` deploys it.`,
  ]);
  return 0;
}

function notTakenLines({ count, named }: PulledReferrers["notTaken"]): readonly string[] {
  if (count === 0) return [];
  return [
    `Not taken of what is attached to it there, such as signatures: ${count}.`,
    ...named.map(({ digest, why }) => `  ${digest}: ${why}`),
  ];
}

/** `kiln image copy SOURCE TARGET`: each is in a registry or in the image store. */
export async function copy(context: Context, _options: object, source: string, target: string): Outcome {
  if (!isInRegistry(source) && !isInRegistry(target)) throw nothingToCopy(source, target);
  if (!isInRegistry(source)) return push(context, {}, source, target);
  if (!isInRegistry(target)) return pull(context, { as: target }, source);
  const [from, to, { copyImage }] = await Promise.all([
    registryOf(context, source),
    registryOf(context, target),
    import("../../../image/transfer/copy.ts"),
  ]);
  requireNamed(from, source);
  if (to.reference.digest !== undefined) throw noReference(target, "a name, optionally with a tag");
  const tag = to.reference.tag ?? from.reference.tag;
  const progress = (text: string) => context.output.note(text);
  const copied = await copyImage(from, to, { tag, cache: context.state.cache, progress });
  const { host, repository } = to.reference;
  const where = `${host}/${repository}`;
  const { digest, manifests, attached, sentBytes, notTaken } = copied;
  context.output.result(
    { ...copied, reference: tag === undefined ? `${where}@${digest}` : `${where}:${tag}` },
    [
      `Copied ${source} to ${tag === undefined ? where : `${where}:${tag}`}: ${formatBytes(sentBytes)} sent, ${attached} attached.`,
      ...(manifests > 1 ? [`It is an index; with all of its images these are ${manifests} manifests.`] : []),
      ...notTakenLines(notTaken),
      `It is ${where}@${digest}`,
    ],
  );
  return 0;
}

function nothingToCopy(source: string, target: string): KilnError {
  return new KilnError("usage", `${source} and ${target} are both in the image store.`, {
    hint: "Name at least one in a registry: `kiln image copy shop:1.4.0 registry.example/team/shop`. A version never gets another image, so there is nothing to copy within the store.",
  });
}

/** The last part of the repository's name is the service, and the tag the version. */
function nameOf({ repository, tag }: Reference) {
  return parseName(`${repository.split("/").at(-1)}:${tag ?? ""}`);
}

/** A service and a version as kiln.yaml allows them. */
export function parseName(text: string): { readonly service: string; readonly version: string } | undefined {
  const [, service, version] =
    /^([a-z][a-z0-9-]{0,31}):([A-Za-z0-9_][A-Za-z0-9._-]{0,127})$/.exec(text) ?? [];
  return service === undefined || version === undefined ? undefined : { service, version };
}
