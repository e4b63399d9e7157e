import type { ServiceSpec } from "../../domain/spec/spec.ts";
import { checkCommands, type FindPlace } from "../commands.ts";
import { imageConfig, imageManifest, processConfig } from "../image-config.ts";
import type { LockedPackages } from "../packages/contract.ts";
import type { ProjectFile } from "../project/project-files.ts";
import { checkRegion } from "../region.ts";
import type { Base } from "../sources/source.ts";
import { putBlob } from "../store/image-store.ts";
import { mediaTypes } from "../store/oci-types.ts";
import type { TarTree } from "../tar/entry.ts";
import { readAccounts } from "./accounts.ts";
import type { LayerReport } from "./build-report.ts";
import { filesLayer, groupFiles } from "./files-layer.ts";
import { type CheckedEntry, cachedLayer, type Layer, type LayerPlace, layerTree } from "./layers.ts";
import { checkLinks } from "./links.ts";
import { mergeLayers } from "./tree.ts";
import { usersLayer } from "./users-layer.ts";

/** Everything that determines an image, in addition to the spec. */
export interface Inputs {
  readonly base: Base;
  /** Images of others that it is built on. */
  readonly bases: readonly { readonly digest: string }[];
  readonly packages: LockedPackages | undefined;
  readonly files: readonly ProjectFile[];
}

const mostLinksTold = 8;

/** Makes the missing layers, then configuration and manifest; returns the manifest's digest. */
export async function assembleImage(
  spec: ServiceSpec,
  inputs: Inputs,
  place: LayerPlace,
  report: LayerReport,
  findPlace: FindPlace,
): Promise<string> {
  const layers = await lowerLayers(inputs, place, report);
  const trees = await Promise.all(
    layers.map((layer) => layerTree(place.store, place.cache, layer, place.pace)),
  );
  let root: TarTree = mergeLayers(trees);
  const users = await usersLayer(spec.image.users, root, findPlace);
  const fileTrees = users.size === 0 ? [] : [users];
  root = mergeLayers([root, users]);
  for (const group of groupFiles(inputs.files)) {
    const tree = filesLayer(group, root, readAccounts(root));
    root = mergeLayers([root, tree]);
    fileTrees.push(tree);
  }
  const process = processConfig(spec.image, inputs.base.process, root);
  for (const { to, link } of checkLinks(inputs.files, root, spec).slice(0, mostLinksTold)) {
    report.note(`the symlink /${to} points to ${link}, which is not in the image`);
  }
  await checkCommands(spec, process, root, findPlace);
  await checkRegion(spec, process, root, findPlace);
  for (const tree of fileTrees) {
    const make = () => cachedLayer(place, "files", layerInputs(tree), async () => tree);
    layers.push(await report.run("files", make));
  }
  return writeImage(place, process, layers, lineage(spec, inputs));
}

/** What it is built on, and what that was built on. A tag may name an index: then the image in it, too. */
function lineage({ image: { from } }: ServiceSpec, { base, bases }: Inputs): readonly string[] {
  const own = bases.map(({ digest }) => digest);
  const isMadeHere = from.kind === "dockerfile" || from.kind === "packer";
  const chosen = own.length > 0 && !isMadeHere ? [base.identity] : [];
  return [...new Set([...own, ...chosen, ...(base.bases ?? [])])];
}

async function lowerLayers(
  { base, packages }: Inputs,
  place: LayerPlace,
  report: LayerReport,
): Promise<Layer[]> {
  const layers: Layer[] = [];
  for (const open of base.layers) layers.push(await report.run("base", () => open(place, [...layers])));
  if (packages) {
    const inputs = [packages.inputDigest];
    layers.push(
      await report.run("packages", () => cachedLayer(place, "packages", inputs, () => packages.tree())),
    );
  }
  return layers;
}

/** Every entry as it appears in the archive; its bytes by their digest, wherever they are stored. */
function layerInputs(tree: ReadonlyMap<string, CheckedEntry>): readonly unknown[] {
  return [...tree.values()].map(({ content: _, xattrs, ...entry }) => ({
    ...entry,
    ...(xattrs
      ? { xattrs: Object.entries(xattrs).map(([k, v]) => [k, Buffer.from(v).toString("hex")]) }
      : {}),
  }));
}

async function writeImage(
  { store }: LayerPlace,
  process: ReturnType<typeof processConfig>,
  layers: readonly Layer[],
  bases: readonly string[],
): Promise<string> {
  const config = await putBlob(store, toJson(imageConfig(process, layers)), mediaTypes.config);
  const manifest = await putBlob(store, toJson(imageManifest(config, layers, bases)), mediaTypes.manifest);
  return manifest.digest;
}

function toJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
