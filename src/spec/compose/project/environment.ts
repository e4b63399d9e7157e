import type { MapEntry, YamlTree } from "../../yaml/tree.ts";
import { envNamePattern, secretNamePattern } from "../../yaml/values.ts";
import type { Notes } from "../notes.ts";
import { parseEnvFile } from "./env-file.ts";
import type { ComposeProject } from "./project.ts";

export interface SecretItem {
  readonly name: string;
  readonly env?: string;
  readonly path?: string;
}

export interface Environment {
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly SecretItem[];
  /** Everything that is set, with its place. */
  readonly all: readonly Variable[];
}

export interface Variable {
  readonly name: string;
  readonly value: string;
  readonly at: YamlTree;
}

/** `env_file`, and `environment` over it. What looks like a secret becomes one, and its value is written nowhere. */
export async function environmentOf(
  service: ReadonlyMap<string, MapEntry>,
  key: string,
  project: ComposeProject,
  notes: Notes,
): Promise<Environment> {
  const all = new Map<string, Variable>();
  const files = notes.texts(service.get("env_file")?.value);
  const given = [
    ...(await Promise.all(files.map((at) => fromFile(at, project, notes)))).flat(),
    ...notes.pairs(service.get("environment")?.value),
  ];
  for (const { name, value, at } of given) {
    if (value === undefined)
      notes.remark(
        at,
        `${name} has its value from the shell that runs Compose.`,
        `Write it to \`servers.env\`, or to \`servers.secrets\`.`,
      );
    else all.set(name, { name, value, at });
  }
  const env: Record<string, string> = {};
  const secrets: SecretItem[] = [];
  for (const variable of all.values()) {
    const { name, value, at } = variable;
    if (!envNamePattern.test(name)) {
      notes.remark(
        at,
        `${JSON.stringify(name)} is not a name that a variable can have in kiln.yaml.`,
        "Use letters, digits and underscores.",
      );
    } else if (isSecret(name, value) || (at.kind === "scalar" && at.secrets !== undefined)) {
      const secret = secretName(name);
      secrets.push({ name: secret, env: name });
      notes.remark(
        at,
        `${name} looks like a secret, and kiln.yaml holds none: servers get it from the secret ${secret}.`,
        `Set it before the deploy: \`kiln secret set ${secret} ${key}\` reads the value from its input.`,
      );
    } else env[name] = value;
  }
  return { env, secrets, all: [...all.values()] };
}

async function fromFile(
  at: YamlTree,
  project: ComposeProject,
  notes: Notes,
): Promise<ReturnType<Notes["pairs"]>> {
  const entries = at.kind === "map" ? at.entries : undefined;
  const path = notes.text(entries ? entries.get("path")?.value : at, "the path of a file") ?? "";
  const text = await project.read(path);
  if (text === undefined) {
    notes.remark(
      at,
      `The file ${path} is not in this folder, or cannot be read: its variables are missing.`,
      "Write them to `servers.env`, or to `servers.secrets`.",
    );
    return [];
  }
  return [...parseEnvFile(path, text)].map(([name, value]) => ({ name, value, at }));
}

/** A name that says so, unless its value is a switch or it names a file; or a URL with a password in it. */
export function isSecret(name: string, value: string): boolean {
  if (/^(|\d|yes|no|on|off|true|false)$/i.test(value) || /_(FILE|PATH|DIR|URL_BASE)$/.test(name))
    return false;
  return (
    /(^|_)(PASSWORD|PASSWD|PASS|SECRET|TOKEN|APIKEY|(API|PRIVATE|ACCESS|SECRET|ENCRYPTION|SIGNING|AUTH)_KEY(_BASE)?|SALT|CREDENTIALS?|DSN)(_|$)|SECRET|PASSWORD|^APP_KEY$/i.test(
      name,
    ) || /:\/\/[^/\s:@]*:[^@\s/]+@/.test(value)
  );
}

/** The nearest name that a secret can have. */
export function secretName(text: string): string {
  const name = text
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]+/g, "_")
    .replace(/^[^A-Z]+/, "")
    .slice(0, 64);
  return secretNamePattern.test(name) ? name : "SECRET";
}
