import type { MapTree, YamlTree } from "../../yaml/tree.ts";
import { userPattern } from "../../yaml/values.ts";
import type { Notes } from "../notes.ts";
import { environmentOf, type Variable } from "../project/environment.ts";
import type { ComposeProject } from "../project/project.ts";
import { commandOf } from "./command.ts";
import { scaleOf } from "./deploy.ts";
import { configsOf, secretsOf } from "./given-files.ts";
import { healthOf } from "./health.ts";
import { baseOf } from "./image.ts";
import { knownImage } from "./known-images.ts";
import { reportOthers } from "./other-keys.ts";
import { portsOf } from "./ports.ts";
import { given, processOf } from "./process.ts";
import { storageOf } from "./storage.ts";

/** One service of the Compose file as a document of kiln.yaml. */
export interface ComposeDraft {
  /** As kiln.yaml has it. */
  readonly service: string;
  /** Of its kiln.yaml, relative to that of the Compose file. */
  readonly folder: string;
  readonly document: Readonly<Record<string, unknown>>;
  readonly variables: readonly Variable[];
  readonly volumes: readonly { readonly source: string; readonly at: YamlTree }[];
  readonly port: number | undefined;
  /** Whether clients outside the machine's servers reach it. */
  readonly isReached: boolean;
  /** In Compose, too. */
  readonly isReadOnly: boolean;
  readonly at: YamlTree;
}

/** `key`: the name in kiln.yaml. Undefined when it cannot be taken over. */
export async function draftOf(
  key: string,
  tree: YamlTree,
  root: MapTree,
  project: ComposeProject,
  notes: Notes,
): Promise<ComposeDraft | undefined> {
  const service = notes.entries(tree, "a mapping that describes a service");
  if (tree.kind !== "map") return undefined;
  const base = baseOf(service, tree, project, notes);
  if (base === undefined) return undefined;
  const image = knownImage(base.from);
  const parts = { folder: base.folder, image, project, notes };
  const ports = portsOf(service.get("ports")?.value, service.get("expose")?.value, image, notes);
  const storage = storageOf(service, parts);
  const environment = await environmentOf(service, key, project, notes);
  const secrets = [...environment.secrets, ...secretsOf(service, key, root, notes)];
  const files = [...storage.placed, ...configsOf(service, root, parts)];
  const scale = scaleOf(service, notes);
  const hasData = storage.volumes.length > 0;
  const count = hasData ? oneServer(scale.count, service.get("deploy")?.value ?? tree, notes) : scale.count;
  const health = healthOf(service.get("healthcheck")?.value, ports, notes);
  const run = processOf(service, notes);
  const user = userOf(service.get("user")?.value, notes) ?? image.user;
  reportOthers(service, notes);
  return {
    ...{ service: key, folder: base.folder, at: tree, variables: environment.all, volumes: storage.named },
    ...{ port: ports.port, isReached: ports.traffic !== undefined },
    isReadOnly: notes.isTrue(service.get("read_only")?.value),
    document: {
      service: key,
      image: {
        from: base.from,
        ...list("files", storage.copied),
        ...given("user", user),
        ...given("command", commandOf(service, image, notes)),
      },
      servers: {
        ...(count === 1 ? {} : { count }),
        ...given("port", ports.port),
        ...(Object.keys(environment.env).length > 0 ? { env: environment.env } : {}),
        ...given("memory", scale.memory),
        ...given("cpus", scale.cpus),
        ...list("writable", storage.writable),
        ...list("volumes", storage.volumes),
        ...run,
        ...list(
          "secrets",
          secrets.map(({ name, ...how }) => (Object.keys(how).length === 0 ? name : { name, ...how })),
        ),
        ...list("files", files),
      },
      ...given("health", health),
      ...given("traffic", ports.traffic),
      ...(hasData ? { rollout: { strategy: "recreate" } } : {}),
    },
  };
}

function list<T>(key: string, items: readonly T[]): Readonly<Record<string, readonly T[]>> {
  return items.length === 0 ? {} : { [key]: items };
}

function oneServer(count: number, at: YamlTree, notes: Notes): number {
  if (count > 1)
    notes.remark(
      at,
      `${count} servers cannot have one volume: \`servers.count\` is 1.`,
      "Write `shared: true` for the volume and `count` again if the program can share its files, and leave `rollout` out.",
    );
  return Math.min(count, 1);
}

function userOf(tree: YamlTree | undefined, notes: Notes): string | undefined {
  const text = notes.text(tree);
  if (tree === undefined || text === undefined || userPattern.test(text)) return text;
  notes.error(tree, `\`${text}\` is not a user; expected a name or number, such as 1000:1000.`);
  return undefined;
}
