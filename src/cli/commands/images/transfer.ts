import type { Reference } from "../../../image/registry/reference.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { formatBytes, shortDigest } from "../../output/units.ts";
import { noReference, registryOf } from "./in-registry.ts";
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
  if (reference.tag === undefined && reference.digest === undefined) {
    throw noReference(source, "a tag or a digest after the name");
  }
  const name = options.as === undefined ? nameOf(reference) : parseName(options.as);
  if (name === undefined) {
    throw new KilnError(
      "usage",
      `${options.as ?? source} gives no name of a service and version for the image.`,
      {
        hint: "Name it: `--as SERVICE:VERSION`, for example `--as shop:1.4.0`.",
      },
    );
  }
  const pulled = await pullImage(context.state, registry, name, (text) => context.output.note(text));
  const { service, version, digest, bytes, notTaken } = pulled;
  context.output.result(pulled, [
    `${pulled.changed ? "Pulled" : "Already here:"} ${service}:${version}, ${formatBytes(bytes)}, ${shortDigest(digest)}.`,
    ...(notTaken.count > 0
      ? [`Not taken of what is attached to it there, such as signatures: ${notTaken.count}.`]
      : []),
    ...notTaken.named.map(({ digest: own, why }) => `  ${own}: ${why}`),
    `\`kiln deploy --image ${version}\` deploys it.`,
  ]);
  return 0;
}

/** The last part of the repository's name is the service, and the tag the version. */
function nameOf({ repository, tag }: Reference) {
  return parseName(`${repository.split("/").at(-1)}:${tag ?? ""}`);
}

/** A service and a version as kiln.yaml allows them. */
function parseName(text: string): { readonly service: string; readonly version: string } | undefined {
  const [, service, version] =
    /^([a-z][a-z0-9-]{0,31}):([A-Za-z0-9_][A-Za-z0-9._-]{0,127})$/.exec(text) ?? [];
  return service === undefined || version === undefined ? undefined : { service, version };
}
