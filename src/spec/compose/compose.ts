import { KilnError } from "../../lib/errors.ts";
import { invalidSpec, placeAt } from "../rules/findings.ts";
import type { MapEntry, MapTree } from "../yaml/tree.ts";
import { tidyName } from "../yaml/values.ts";
import { Notes, type Remark } from "./notes.ts";
import { parseEnvFile } from "./project/env-file.ts";
import { parseCompose } from "./project/parse.ts";
import type { ComposeProject } from "./project/project.ts";
import { type ComposeDraft, draftOf } from "./service/service.ts";
import { together } from "./together.ts";
import { kilnYaml } from "./write.ts";

export interface ComposeSource {
  /** As messages name it. */
  readonly file: string;
  readonly text: string;
  readonly project: ComposeProject;
}

export interface Imported {
  readonly services: readonly string[];
  /** A `kiln.yaml` for each folder, relative to that of the Compose file, `/` between its parts. */
  readonly files: readonly {
    readonly path: string;
    readonly text: string;
    readonly services: readonly string[];
  }[];
  /** In the order of the file. */
  readonly remarks: readonly PlacedRemark[];
}

export interface PlacedRemark {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The services that it is about; none: the whole file. */
  readonly services: readonly string[];
  readonly message: string;
  readonly hint: string;
}

/**
 * A Compose file (Compose specification, 2026) as documents of kiln.yaml, and a remark for everything that these say differently or not at
 * all. Services that are built from a folder of their own get a kiln.yaml there, because a build sees that folder alone. Writes nothing. Throws
 * `spec_invalid` with every place that is wrong.
 */
export async function importCompose({ file, text, project }: ComposeSource): Promise<Imported> {
  const variables = parseEnvFile(".env", (await project.read(".env")) ?? "");
  const { root, errors, unset } = parseCompose(text, variables);
  if (root === undefined || errors.length > 0) throw invalidSpec(file, text, errors);
  const general = new Notes();
  for (const { offset, name } of unset)
    general.remark(
      { offset },
      `The variable ${name} has no value: it is the empty text.`,
      "Write the value to .env, or a default after `:-`, and repeat; or correct kiln.yaml.",
    );
  reportTopLevel(root, general);
  const { drafts, notes } = await readServices(root, project, general);
  const all = [general, ...notes.values()];
  const wrong = all.flatMap((each) => each.errors);
  if (wrong.length > 0) throw invalidSpec(file, text, wrong);
  const placed = placedRemarks(
    file,
    text,
    all.flatMap((each) => each.remarks),
  );
  if (drafts.length === 0) throw nothingToTake(file, placed);
  return {
    services: drafts.map(({ service }) => service),
    files: filesOf(file, drafts, placed),
    remarks: placed,
  };
}

async function readServices(root: MapTree, project: ComposeProject, general: Notes) {
  const services = general.entries(root.entries.get("services")?.value, "a mapping from names to services");
  const drafts: ComposeDraft[] = [];
  const notes = new Map<string, Notes>();
  const names = new Map<string, string>();
  for (const [name, { keyOffset, value }] of services) {
    const key = tidyName(name);
    if (key === undefined || notes.has(key)) {
      general.error(
        { offset: keyOffset },
        `\`${name}\` cannot become the name of a service; expected letters, digits and hyphens, and each name once.`,
      );
      continue;
    }
    const own = new Notes(key);
    notes.set(key, own);
    names.set(key, name);
    if (key !== name)
      own.remark(
        { offset: keyOffset },
        `The service ${name} is called ${key}.`,
        "Names have lower-case letters, digits and hyphens.",
      );
    const draft = await draftOf(key, { ...value, offset: keyOffset }, root, project, own);
    if (draft !== undefined) drafts.push(draft);
  }
  if (services.size === 0)
    general.error(
      root,
      "The file has no `services`; expected at least one.",
      "Name a Compose file: `kiln init --from docker-compose.yml`.",
    );
  if (drafts.some(({ isReadOnly }) => !isReadOnly))
    general.remark(
      root.entries.get("services")?.value ?? root,
      "Containers of Compose can write everywhere; servers of Kiln only to `servers.writable` (memory) and `servers.volumes`.",
      "Add the folders that a program writes to: `kiln logs` shows which ones it misses.",
    );
  const whole = together(drafts, root, names, (service) => notes.get(service) ?? general);
  return { drafts: whole, notes };
}

/** Keys of the file itself. Networks, volumes, secrets and configs matter where services use them. */
function reportTopLevel(root: MapTree, notes: Notes): void {
  const used = new Set(["services", "version", "name", "volumes", "secrets", "configs", "networks"]);
  for (const [key, { keyOffset }] of root.entries)
    if (!used.has(key) && !key.startsWith("x-"))
      notes.remark(
        { offset: keyOffset },
        `\`${key}\` is not taken over.`,
        key === "include"
          ? "Run `docker compose config > one.yml`, and name that file."
          : "docs/kiln-yaml.md lists the keys that there are.",
      );
  for (const [name, { value }] of notes.entries(root.entries.get("volumes")?.value))
    reportVolume(name, value, notes);
}

function reportVolume(name: string, tree: MapEntry["value"], notes: Notes): void {
  for (const [key, { value }] of notes.entries(tree))
    if (key !== "name" && key !== "labels")
      notes.remark(
        value,
        `\`${key}\` of the volume ${name} is not taken over: the volume begins empty, on the machine's own disk.`,
        "`kiln volume import` brings data into it.",
      );
}

/** In the order of the file; what several services have from one place is one remark. */
export function placedRemarks(
  file: string,
  text: string,
  remarks: readonly Remark[],
): readonly PlacedRemark[] {
  const sorted = [...remarks].sort((a, b) => a.offset - b.offset);
  const groups = Map.groupBy(sorted, ({ offset, message, hint }) => `${offset} ${message} ${hint}`);
  return [...groups.values()].flatMap((group) => {
    const services = group.flatMap(({ service }) => service ?? []);
    const [first] = group;
    if (first === undefined) return [];
    const { line = 1, column = 1 } = placeAt(file, text, first.offset);
    return [{ file, line, column, services, message: first.message, hint: first.hint }];
  });
}

export function filesOf(
  file: string,
  drafts: readonly ComposeDraft[],
  remarks: readonly PlacedRemark[],
): Imported["files"] {
  const folders = Map.groupBy(drafts, ({ folder }) => folder);
  return [...folders].map(([folder, inside]) => ({
    path: folder === "." ? "kiln.yaml" : `${folder}/kiln.yaml`,
    services: inside.map(({ service }) => service),
    text: kilnYaml(
      file,
      inside.map((draft) => ({
        draft,
        remarks: remarks.filter(({ services }) => services.includes(draft.service)),
      })),
    ),
  }));
}

export function nothingToTake(file: string, remarks: readonly PlacedRemark[]): KilnError {
  const problems = remarks.map(({ line, column, message, hint }) => ({
    place: { file, line, column },
    message,
    hint,
  }));
  return new KilnError("spec_invalid", `None of the services of ${file} can be taken over.`, { problems });
}
