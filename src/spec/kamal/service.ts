import type { Notes } from "../compose/notes.ts";
import { type Environment, secretName } from "../compose/project/environment.ts";
import type { ComposeProject } from "../compose/project/project.ts";
import { type ComposeDraft, draftOf } from "../compose/service/service.ts";
import type { MapTree, YamlTree } from "../yaml/tree.ts";
import { reportOptions } from "./other-keys.ts";
import { at, list, map, scalar } from "./trees.ts";

/** A role or an accessory of a Kamal file. */
export interface KamalPart {
  /** Of the service in kiln.yaml. */
  readonly key: string;
  readonly tree: YamlTree;
  /** `env`, in the order in which later ones win. */
  readonly envs: readonly (YamlTree | undefined)[];
  /** As a Compose service has it. */
  readonly base: Readonly<Record<string, YamlTree | undefined>>;
  /** `ports` of a Compose service, or `expose` for one that the proxy serves. */
  readonly ports: Readonly<Record<string, YamlTree | undefined>>;
  readonly volumes: readonly (YamlTree | undefined)[];
  readonly count: number;
}

/** The part as a document of kiln.yaml: what Compose has too is read by the same code. */
export async function draftOfPart(
  part: KamalPart,
  project: ComposeProject,
  notes: Notes,
): Promise<ComposeDraft | undefined> {
  const { key, tree, base, ports, envs, count } = part;
  const options = at(tree, "options");
  reportOptions(options, notes);
  const given = [...part.volumes, at(tree, "volumes"), at(options, "volume")];
  const volumes = given.flatMap((each) => notes.texts(each));
  const service = map(tree, {
    ...base,
    command: at(tree, "cmd"),
    environment: clearOf(envs, tree),
    ...ports,
    volumes: volumes.length === 0 ? undefined : list(tree, volumes),
    mem_limit: at(options, "memory"),
    cpus: at(options, "cpus"),
    user: at(options, "user"),
    deploy: count === 1 ? undefined : map(tree, { replicas: scalar(tree, String(count)) }),
    labels: at(tree, "labels"),
    logging: at(tree, "logging"),
  });
  const none: MapTree = map(tree, {});
  const draft = await draftOf(key, service, none, project, notes);
  return draft && withSecrets(draft, secretsOf(envs, key, notes));
}

/** `env` is a mapping of `clear` and `secret`, or of variables: https://kamal-deploy.org/docs/configuration/environment-variables/. */
function clearOf(envs: readonly (YamlTree | undefined)[], place: YamlTree): YamlTree | undefined {
  const entries = envs.flatMap((env) => {
    const isSplit = at(env, "clear") !== undefined || at(env, "secret") !== undefined;
    const clear = isSplit ? at(env, "clear") : env;
    return clear?.kind === "map" ? [...clear.entries] : [];
  });
  return entries.length === 0 ? undefined : { ...map(place, {}), entries: new Map(entries) };
}

/** `VARIABLE` or `VARIABLE:SECRET`, in one remark: their values are in `.kamal/secrets`, which is not read. */
function secretsOf(
  envs: readonly (YamlTree | undefined)[],
  key: string,
  notes: Notes,
): Environment["secrets"] {
  const lists = envs.flatMap((env) => at(env, "secret") ?? []);
  const items = lists.flatMap((each) => notes.items(each, "a list of names"));
  const names = items.flatMap((item) => notes.text(item) ?? []);
  const secrets = names.map((text) => {
    const [variable = "", from = variable] = text.split(":");
    return { name: secretName(from), env: variable };
  });
  const [first] = lists;
  if (first === undefined || secrets.length === 0) return [];
  const all = [...new Set(secrets.map(({ name }) => name))];
  notes.remark(
    first,
    `kiln.yaml names secrets and holds none: servers get ${all.join(", ")}.`,
    `Set each before the deploy: \`kiln secret set ${all[0]} ${key}\` reads the value from its input.`,
  );
  return secrets;
}

function withSecrets(draft: ComposeDraft, more: Environment["secrets"]): ComposeDraft {
  if (more.length === 0) return draft;
  const { document } = draft;
  const servers = document.servers as { readonly secrets?: readonly { readonly env?: string }[] };
  const taken = new Set(more.map(({ env }) => env));
  const others = (servers.secrets ?? []).filter(({ env }) => env === undefined || !taken.has(env));
  const own = [...new Map(more.map((secret) => [secret.env, secret])).values()];
  return { ...draft, document: { ...document, servers: { ...servers, secrets: [...others, ...own] } } };
}
