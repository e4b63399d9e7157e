import { posix } from "node:path";
import { parseBase } from "../../../image/sources/sources.ts";
import type { MapEntry, YamlTree } from "../../yaml/tree.ts";
import type { Notes } from "../notes.ts";
import type { ComposeProject } from "../project/project.ts";

export interface ComposeBase {
  /** `image.from`. */
  readonly from: string;
  /** The folder of its kiln.yaml, relative to that of the Compose file; `.` for the same one. */
  readonly folder: string;
}

/** In place of a base that is wrong: the rest of the service is still read, for its own errors. */
const none: ComposeBase = { from: "scratch", folder: "." };

/** `build`, or else `image`. Undefined when the service cannot be taken over, which is reported. */
export function baseOf(
  service: ReadonlyMap<string, MapEntry>,
  at: YamlTree,
  project: ComposeProject,
  notes: Notes,
): ComposeBase | undefined {
  const build = service.get("build")?.value;
  const image = service.get("image")?.value;
  if (build !== undefined) return builtBase(build, project, notes);
  if (image !== undefined) return imageBase(image, notes);
  notes.error(
    at,
    "The service has neither `image` nor `build`; expected one of them.",
    "A file with `extends` or `include` has to be whole: run `docker compose config > one.yml`, and name that file.",
  );
  return none;
}

function imageBase(tree: YamlTree, notes: Notes): ComposeBase {
  const written = notes.text(tree, "the name of an image") ?? "";
  const named = withRegistry(written);
  const from = /[:@][^/]*$/.test(named) ? named : `${named}:latest`;
  if (parseBase(from) === undefined) {
    notes.error(tree, `\`${written}\` is not the name of an image; expected one such as nginx:1.27.`);
    return none;
  }
  if (/:latest$/.test(from))
    notes.remark(
      tree,
      `The image ${written} has no version of its own.`,
      "Name one, such as a tag with numbers. Until then kiln.lock pins what the tag names at the first build.",
    );
  return { from, folder: "." };
}

/** `postgres:16` is one of Docker Hub's. */
function withRegistry(name: string): string {
  const [first = "", ...rest] = name.split("/");
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return hasHost ? name : `docker.io/${name}`;
}

function builtBase(tree: YamlTree, project: ComposeProject, notes: Notes): ComposeBase | undefined {
  const keys = tree.kind === "map" ? tree.entries : undefined;
  const context = notes.text(keys ? keys.get("context")?.value : tree, "the path of a folder") ?? ".";
  const folder = posix.normalize(context).replace(/(.)\/$/, "$1");
  if (
    /^[a-z+]+:\/\/|^git@/.test(context) ||
    folder.startsWith("/") ||
    folder.startsWith("..") ||
    folder.startsWith("~")
  ) {
    notes.remark(
      tree,
      `The service is left out: its build context ${context} is not in this folder.`,
      "Copy it here and name that folder; or write a kiln.yaml there, with `kiln init`.",
    );
    return undefined;
  }
  if (project.kind(folder) !== "folder")
    notes.error(tree, `The build context ${context} is not a folder; expected one next to the Compose file.`);
  const file = notes.text(keys?.get("dockerfile")?.value) ?? "Dockerfile";
  const target = notes.text(keys?.get("target")?.value);
  const known = new Set(["context", "dockerfile", "target"]);
  for (const [key, { value }] of keys ?? []) if (!known.has(key)) buildRemark(key, value, notes);
  return { from: `dockerfile:./${posix.normalize(file)}${target === undefined ? "" : `#${target}`}`, folder };
}

const buildHints: Readonly<Record<string, string>> = {
  args: "Write each value as the default of its `ARG` in the Dockerfile.",
  dockerfile_inline: "Write it to a file named Dockerfile.",
  secrets: "Steps of a Dockerfile get no secrets; give them to servers with `servers.secrets`.",
  ssh: "Steps of a Dockerfile get no keys: copy what they need into the folder first.",
  network:
    "Steps of a Dockerfile have no network: use `image.packages`, or copy what they need into the folder.",
  additional_contexts: "Give each a stage of its own in the Dockerfile.",
};

function buildRemark(key: string, at: YamlTree, notes: Notes): void {
  notes.remark(
    at,
    `\`build.${key}\` has no counterpart in kiln.yaml.`,
    buildHints[key] ??
      "Leave it out: the Dockerfile, its folder and kiln.lock alone decide what an image is.",
  );
}
