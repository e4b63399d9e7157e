import type { MapTree } from "../yaml/tree.ts";
import type { Notes } from "./notes.ts";
import type { Variable } from "./project/environment.ts";
import type { ComposeDraft } from "./service/service.ts";

/**
 * What only shows where services are looked at side by side. `names`: theirs in the Compose file, by those in kiln.yaml. Returns the drafts with
 * what follows from it.
 */
export function together(
  drafts: readonly ComposeDraft[],
  root: MapTree,
  names: ReadonlyMap<string, string>,
  notesOf: (service: string) => Notes,
): readonly ComposeDraft[] {
  reportSharedVolumes(drafts, notesOf);
  return drafts.map((draft) => {
    const notes = notesOf(draft.service);
    const before = reportOrder(draft, drafts, root, names, notes);
    const needed = new Set([...reportNames(draft, drafts, names, notes), ...before]);
    for (const other of needed) reportUnreached(other, notesOf(other.service));
    if (before.length === 0) return draft;
    return { ...draft, document: { ...draft.document, after: before.map(({ service }) => service) } };
  });
}

/** Values that name another service as a host. */
function reportNames(
  draft: ComposeDraft,
  drafts: readonly ComposeDraft[],
  names: ReadonlyMap<string, string>,
  notes: Notes,
): readonly ComposeDraft[] {
  return drafts.filter((other) => {
    const host = names.get(other.service) ?? other.service;
    const by = other === draft ? undefined : draft.variables.find((variable) => namesHost(variable, host));
    if (by === undefined) return false;
    if (host !== other.service)
      notes.remark(
        by.at,
        `${by.name} reaches ${host} by its name, which is ${other.service} in kiln.yaml.`,
        `Write ${other.service}:${other.port ?? "PORT"}, with the port of its \`servers.port\`.`,
      );
    return true;
  });
}

/** The host of a URL or of `HOST:PORT`; or the whole value of a variable that is called so. */
function namesHost({ name, value }: Variable, host: string): boolean {
  if (value === host) return /HOST|ADDR|SERVER|URL|ENDPOINT|BROKER|NODE|PROXY|UPSTREAM/i.test(name);
  return value.split(/[,; ]+/).some((part) => {
    const [, found] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^/@]*@)?([^/:@]+)(?=:\d|\/|$)/i.exec(part) ?? [];
    return found === host && /[:/]/.test(part);
  });
}

/** The services of `depends_on`: `kiln deploy --all` rolls out in this order. */
function reportOrder(
  draft: ComposeDraft,
  drafts: readonly ComposeDraft[],
  root: MapTree,
  names: ReadonlyMap<string, string>,
  notes: Notes,
): readonly ComposeDraft[] {
  const services = notes.entries(root.entries.get("services")?.value);
  const own = notes.entries(services.get(names.get(draft.service) ?? draft.service)?.value);
  const tree = own.get("depends_on")?.value;
  if (tree === undefined) return [];
  const wanted =
    tree.kind === "map" ? [...tree.entries.keys()] : notes.items(tree).map((item) => notes.text(item));
  const found = drafts.filter(({ service }) => wanted.includes(names.get(service) ?? service));
  const list = found.map(({ service }) => service).join(", ");
  if (list !== "")
    notes.remark(
      tree,
      `\`depends_on\` becomes \`after\` (${list}): the order of \`kiln deploy --all\`. Servers themselves do not wait for each other.`,
      "A program that does not find another service has to try again, or to end: then it is replaced.",
    );
  return found;
}

/** By name, a service is reached at its `servers.port`. */
function reportUnreached({ service, port, isReached, at }: ComposeDraft, notes: Notes): void {
  if (isReached || port !== undefined) return;
  if (notes.remarks.some(({ message }) => message.startsWith("Nothing reaches"))) return;
  notes.remark(
    at,
    `Nothing reaches ${service} yet: its port is not known.`,
    `Write \`servers: { port: PORT }\`; then other services reach it at ${service}:PORT.`,
  );
}

function reportSharedVolumes(drafts: readonly ComposeDraft[], notesOf: (service: string) => Notes): void {
  const users = Map.groupBy(
    drafts.flatMap(({ service, volumes }) => volumes.map((volume) => ({ ...volume, service }))),
    ({ source }) => source,
  );
  for (const [source, [first, ...others]] of users) {
    for (const { at, service } of others)
      if (service !== first?.service)
        notesOf(service).remark(
          at,
          `The volume ${source} is ${first?.service}'s too; a volume of Kiln belongs to one service, so ${service} gets another one, and empty.`,
          "Put both programs into one service, or let one ask the other.",
        );
  }
}
