import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import { apartFolder } from "../../apart.ts";
import { parseReference } from "../../registry/reference.ts";
import { Registry } from "../../registry/registry.ts";
import { foreignManifest } from "../../store/oci-schema.ts";
import { basesOf } from "../../store/oci-types.ts";
import { chooseForThisMachine } from "../choose.ts";
import { parsed } from "../foreign-blobs.ts";
import { RegistryBlobs } from "../registry-blobs.ts";
import type { OpenCall } from "../source.ts";

/** Where buildah keeps its files, within the folder of `runApart`. */
export const buildahStore = [
  ...["--storage-driver", "vfs"],
  ...["--root", join(apartFolder, "root"), "--runroot", join(apartFolder, "run")],
] as const;

/** The remedy for a failed build whose steps, as the subject names them, may have wanted a network. */
export function noNetworkHint(steps: string): string {
  return `${steps} have no network: write \`image.network: internet\`, or bring what they need as files.`;
}

/** `why` continues "buildah is not installed: it ...". Throws `tool_missing`. */
export async function buildahVersion({ signal }: OpenCall, why: string): Promise<string> {
  try {
    return (await exec(["buildah", "--version"], { signal })).stdout.trim();
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "tool_missing") throw error;
    throw new KilnError("tool_missing", `buildah is not installed: it ${why}.`, {
      hint: "Install it: apt-get install buildah",
      permanent: true,
    });
  }
}

/** The digest of each image, in this order. Throws what a registry throws. */
export async function pinAll(references: readonly string[], call: OpenCall): Promise<readonly string[]> {
  const digests: string[] = [];
  for (const reference of references) {
    const { named, blobs } = blobsOf(reference, call);
    digests.push(
      named.digest ?? (await call.bases.pin(reference, () => blobs.resolve(named.tag ?? "latest"))),
    );
  }
  return digests;
}

function blobsOf(text: string, call: OpenCall) {
  const named = parseReference(text);
  if (named === undefined) throw new KilnError("spec_invalid", `${text} does not name an image.`);
  const registry = new Registry(named, call);
  return { named, blobs: new RegistryBlobs(registry, { cache: call.place.cache, progress: call.progress }) };
}

/**
 * The pinned images as layouts in `folder`, and a policy that accepts no other image, whatever buildah finds in what Kiln has not
 * read: containers-policy.json(5), the scopes of `oci:`. Resolves to the names of the layouts for buildah, and to everything that
 * is built on.
 */
export async function writeLayouts(
  images: readonly { readonly reference: string; readonly digest: string }[],
  folder: string,
  call: OpenCall,
): Promise<{ readonly names: readonly string[]; readonly bases: readonly string[] }> {
  const layouts = images.map((_, i) => `base${i}`); // buildah makes a name of the path, which must be in lower case
  const bases: string[] = [];
  for (const [i, { reference, digest }] of images.entries())
    bases.push(...(await writeLayout(reference, digest, join(folder, layouts[i] ?? ""), call)));
  const accepted = layouts.map((layout) => [join(apartFolder, layout), [{ type: "insecureAcceptAnything" }]]);
  const policy = { default: [{ type: "reject" }], transports: { oci: Object.fromEntries(accepted) } };
  await writeFile(join(folder, "policy.json"), JSON.stringify(policy));
  return { names: layouts.map((layout) => `oci:${layout}:base`), bases };
}

/**
 * The pinned image of a registry as a layout that buildah reads. Resolves to what is built on it: the digest that is pinned, the one
 * for this machine where that names an index, and what it was built on itself.
 */
async function writeLayout(
  reference: string,
  digest: string,
  folder: string,
  call: OpenCall,
): Promise<readonly string[]> {
  const { blobs } = blobsOf(reference, call);
  const chosen = await chooseForThisMachine(blobs, [await blobs.root(digest)]);
  const { config, layers, annotations: notes } = await parsed(foreignManifest, blobs, chosen);
  await mkdir(join(folder, "blobs/sha256"), { recursive: true });
  for (const part of new Map([chosen, config, ...layers].map((one) => [one.digest, one])).values()) {
    const content = await blobs.open(part);
    if (content.kind === "slice")
      await copyFile(content.path, join(folder, "blobs/sha256", part.digest.slice("sha256:".length)));
  }
  const { mediaType, size } = chosen;
  const annotations = { "org.opencontainers.image.ref.name": "base" };
  const index = { schemaVersion: 2, manifests: [{ mediaType, digest: chosen.digest, size, annotations }] };
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, "index.json"), JSON.stringify(index));
  return [digest, chosen.digest, ...basesOf({ annotations: notes })];
}
