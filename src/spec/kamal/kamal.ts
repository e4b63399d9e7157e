import { filesOf, type Imported, nothingToTake, placedRemarks } from "../compose/compose.ts";
import { Notes } from "../compose/notes.ts";
import { parseForeign } from "../compose/project/parse.ts";
import type { ComposeProject } from "../compose/project/project.ts";
import { given } from "../compose/service/process.ts";
import type { ComposeDraft } from "../compose/service/service.ts";
import { together } from "../compose/together.ts";
import { invalidSpec } from "../rules/findings.ts";
import type { MapTree, YamlTree } from "../yaml/tree.ts";
import { tidyName } from "../yaml/values.ts";
import { reportBuilder, reportTopLevel } from "./other-keys.ts";
import { proxiedBy, secondsOf } from "./proxy.ts";
import { readRuby, withoutRuby } from "./ruby.ts";
import { draftOfPart } from "./service.ts";
import { at, list, map, scalar } from "./trees.ts";

export interface KamalSource {
  /** As messages name it. */
  readonly file: string;
  readonly text: string;
  /** The folder that Kamal builds: that of `config`. */
  readonly project: ComposeProject;
}

/** Whether the text is a Kamal file rather than a Compose file: one names its service, the other lists services. */
export function isKamal(text: string): boolean {
  return /^service:/m.test(text) && !/^services:/m.test(text);
}

/**
 * A `config/deploy.yml` of Kamal 2 (https://kamal-deploy.org/docs/configuration/overview/) as documents of kiln.yaml: one for each role and each
 * accessory, and a remark for everything that these say differently or not at all. Neither Ruby in it nor `.kamal/secrets` is looked at. Writes nothing. Throws
 * `spec_invalid` with every place that is wrong.
 */
export async function importKamal({ file, text, project }: KamalSource): Promise<Imported> {
  const template = withoutRuby(text);
  const unknown = new Set<string>();
  const { root, errors } = parseForeign(template.text, noService, (written) => {
    const read = readRuby(written, template);
    for (const code of read.unknown) unknown.add(code);
    return { text: read.text, unset: [], kept: [] };
  });
  if (root === undefined || errors.length > 0) throw invalidSpec(file, text, errors);
  const general = new Notes();
  for (const code of unknown)
    general.remark(
      { offset: Math.max(0, text.indexOf(code)) },
      `Kiln runs no Ruby: \`${code}\` is the empty text.`,
      "Write its value where kiln.yaml needs it.",
    );
  reportTopLevel(root, general);
  const { drafts, notes } = await new KamalReader(root, project, general).read();
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

class KamalReader {
  readonly #root: MapTree;
  readonly #project: ComposeProject;
  readonly #general: Notes;
  readonly #notes = new Map<string, Notes>();

  constructor(root: MapTree, project: ComposeProject, general: Notes) {
    this.#root = root;
    this.#project = project;
    this.#general = general;
  }

  async read(): Promise<{ drafts: readonly ComposeDraft[]; notes: ReadonlyMap<string, Notes> }> {
    const general = this.#general;
    const name = tidyName(general.text(at(this.#root, "service")) ?? "");
    if (name === undefined) {
      general.error(at(this.#root, "service") ?? this.#root, noService.message, noService.hint);
      return { drafts: [], notes: this.#notes };
    }
    const builder = at(this.#root, "builder");
    reportBuilder(builder, general);
    const drafts: ComposeDraft[] = [];
    for (const [role, tree] of this.#roles()) drafts.push(...(await this.#role(name, role, tree)));
    for (const [accessory, { value }] of general.entries(at(this.#root, "accessories")))
      drafts.push(...(await this.#accessory(`${name}-${accessory}`, value)));
    general.remark(
      at(this.#root, "servers") ?? this.#root,
      "Hosts are not taken over: a service runs where its target is, by default on this machine.",
      "`kiln target add` names another place, and `target` in kiln.yaml one of them.",
    );
    general.remark(
      this.#root,
      "Containers of Kamal can write everywhere; servers of Kiln only to `servers.writable` (memory) and `servers.volumes`.",
      "Add the folders that a program writes to, such as /rails/tmp and /rails/log: `kiln logs` shows which ones it misses.",
    );
    const none = map(this.#root, {});
    const names = new Map(drafts.map(({ service }) => [service, service]));
    const whole = together(drafts, none, names, (service) => this.#notes.get(service) ?? general);
    return { drafts: whole, notes: this.#notes };
  }

  /** `servers` is a list of hosts, or a mapping from roles to theirs. */
  #roles(): readonly (readonly [string, YamlTree])[] {
    const servers = at(this.#root, "servers");
    if (servers?.kind === "map") return [...servers.entries].map(([role, { value }]) => [role, value]);
    return servers === undefined ? [] : [[this.#primary(), servers]];
  }

  #primary(): string {
    return this.#general.text(at(this.#root, "primary_role")) ?? "web";
  }

  /** The proxy serves the first role, and others only where they say so. */
  async #role(name: string, role: string, tree: YamlTree): Promise<readonly ComposeDraft[]> {
    const isPrimary = role === this.#primary();
    const notes = this.#notesOf(isPrimary ? name : `${name}-${role}`, tree);
    if (notes === undefined) return [];
    const own = at(tree, "proxy");
    const isOff = own?.kind === "scalar" && !notes.isTrue(own);
    const isProxied = !isOff && (isPrimary || own !== undefined);
    const proxy = isProxied
      ? proxiedBy(own?.kind === "map" ? own : at(this.#root, "proxy"), notes.notes)
      : undefined;
    const hosts = notes.notes.texts(tree.kind === "map" ? at(tree, "hosts") : tree).length;
    const published = at(tree, "options", "publish");
    if (proxy && published !== undefined)
      notes.notes.remark(
        published,
        `A service of Kiln has one port, and ${proxy.port} is taken: what \`options.publish\` names is left out.`,
        "Give the other port a service of its own, or let the first port serve both.",
      );
    const port = proxy && list(tree, [scalar(tree, String(proxy.port))]);
    const draft = await draftOfPart(
      {
        ...{ key: notes.key, tree, envs: [at(this.#root, "env"), at(tree, "env")] },
        base: { build: this.#build() },
        ports: proxy ? { expose: port } : { ports: published },
        volumes: [at(this.#root, "volumes")],
        count: Math.max(1, hosts),
      },
      this.#project,
      notes.notes,
    );
    return draft === undefined ? [] : [this.#whole(draft, proxy)];
  }

  async #accessory(name: string, tree: YamlTree): Promise<readonly ComposeDraft[]> {
    const found = this.#notesOf(name, tree);
    if (found === undefined) return [];
    const { key, notes } = found;
    if (at(tree, "image") === undefined) {
      notes.error(tree, `The accessory has no \`image\`; expected one such as postgres:16.`);
      return [];
    }
    const port = at(tree, "port");
    const text = notes.text(port);
    const published =
      port && text !== undefined ? scalar(port, /^\d+$/.test(text) ? `${text}:${text}` : text) : undefined;
    const bound = [...notes.texts(at(tree, "files"))].map((file) => pathed(file));
    const draft = await draftOfPart(
      {
        ...{ key, tree, envs: [at(tree, "env")], base: { image: at(tree, "image") }, count: 1 },
        ports: { ports: published && list(tree, [published]) },
        volumes: [at(tree, "directories"), bound.length === 0 ? undefined : list(tree, bound)],
      },
      this.#project,
      notes,
    );
    return draft === undefined ? [] : [draft];
  }

  #build(): YamlTree {
    const builder = at(this.#root, "builder");
    return map(this.#root, {
      context: at(builder, "context") ?? scalar(this.#root, "."),
      dockerfile: at(builder, "dockerfile"),
      ...{ target: at(builder, "target"), args: at(builder, "args") },
      ...{ secrets: at(builder, "secrets"), ssh: at(builder, "ssh") },
    });
  }

  #whole(draft: ComposeDraft, proxy: ReturnType<typeof proxiedBy> | undefined): ComposeDraft {
    const { service, image, servers, health, traffic, rollout, ...more } = draft.document;
    const deadline = secondsOf(at(this.#root, "deploy_timeout"), this.#general);
    const drain = secondsOf(at(this.#root, "drain_timeout"), this.#general);
    const checks = { ...(proxy?.health ?? (health as object | undefined)), ...given("deadline", deadline) };
    const rolling = { ...(rollout as object | undefined), ...(proxy ? given("drain", drain) : {}) };
    return {
      ...{ ...draft, isReached: draft.isReached || proxy !== undefined },
      document: {
        ...{ service, image, servers: proxy ? { ...(servers as object), port: proxy.port } : servers },
        ...(Object.keys(checks).length > 0 ? { health: checks } : {}),
        ...given("traffic", proxy?.traffic ?? traffic),
        ...(Object.keys(rolling).length > 0 ? { rollout: rolling } : {}),
        ...more,
      },
    };
  }

  #notesOf(name: string, tree: YamlTree) {
    const key = tidyName(name);
    if (key === undefined || this.#notes.has(key)) {
      this.#general.error(
        tree,
        `\`${name}\` cannot become the name of a service; expected letters, digits and hyphens, and each name once.`,
      );
      return undefined;
    }
    const notes = new Notes(key);
    this.#notes.set(key, notes);
    return { key, notes, isTrue: (one: YamlTree) => notes.isTrue(one) };
  }
}

/** `local:remote`: a path below the project. */
function pathed(file: YamlTree): YamlTree {
  return file.kind === "scalar" && /^[^./~]/.test(file.text)
    ? { ...file, text: `./${file.text}`, value: `./${file.text}` }
    : file;
}

const noService = {
  message: "The file names no `service`; expected a Kamal file that does.",
  hint: "Name the file itself: `kiln init --from config/deploy.yml`. One for a destination holds only what differs.",
};
