import { secretsFolder } from "../../domain/spec/server-shape.ts";
import { isAtOrBelow } from "../paths.ts";
import type { SpecDocument } from "../schema/document.ts";
import type { Path } from "../yaml/tree.ts";
import type { Breach, RuleInput, SpecRule } from "./rule.ts";

/** A file that each server gets at its creation, in place of the image's file: a secret or a configuration file. */
export interface PlacedFile {
  readonly at: string;
  /** Its place in the spec. */
  readonly path: Path;
  /** Words for a message: `the secret TLS_KEY`, `` `servers.files[0]` ``. */
  readonly what: string;
  readonly kind: "secret" | "config";
}

export function placedFiles(servers: SpecDocument["servers"] | undefined): readonly PlacedFile[] {
  const secrets = (servers?.secrets ?? []).flatMap(({ name, path, env }, i): readonly PlacedFile[] => {
    if (env !== undefined) return [];
    const at = path ?? `${secretsFolder}/${name}`;
    return [{ at, path: ["servers", "secrets", i, "path"], what: `the secret ${name}`, kind: "secret" }];
  });
  const files = (servers?.files ?? []).map(
    ({ to }, i): PlacedFile => ({
      at: to,
      path: ["servers", "files", i, "to"],
      what: `\`servers.files[${i}]\``,
      kind: "config",
    }),
  );
  return [...secrets, ...files];
}

/** Rules for the paths of secrets and configuration files: no conflicts among them, with the image, or with writable folders. */
export const placedRules: readonly SpecRule[] = [
  secretsOnce,
  oneDelivery,
  variablesOnce,
  placedOnce,
  placedApartFromKilns,
  placedApartFromImage,
  placedApartFromWritable,
];

function* secretsOnce({ document: { servers } }: RuleInput): Generator<Breach> {
  const seen = new Set<string>();
  for (const [index, { name }] of (servers?.secrets ?? []).entries()) {
    if (seen.has(name)) {
      const message = `The secret ${name} appears twice; expected it once.`;
      yield { path: ["servers", "secrets", index, "name"], message };
    }
    seen.add(name);
  }
}

function* oneDelivery({ document: { servers } }: RuleInput): Generator<Breach> {
  for (const [index, { name, path, env }] of (servers?.secrets ?? []).entries()) {
    if (path === undefined || env === undefined) continue;
    yield {
      path: ["servers", "secrets", index, "env"],
      message: `The secret ${name} has both path and env; expected one of them.`,
      hint: "Prefer `path`: every program that the process starts inherits the environment.",
    };
  }
}

function* variablesOnce({ document: { servers } }: RuleInput): Generator<Breach> {
  const taken = new Map(Object.keys(servers?.env ?? {}).map((name) => [name, "`servers.env`"]));
  for (const [index, { name, env }] of (servers?.secrets ?? []).entries()) {
    if (env === undefined) continue;
    const other = taken.get(env);
    taken.set(env, other ?? `the secret ${name}`);
    if (other === undefined) continue;
    yield {
      path: ["servers", "secrets", index, "env"],
      message: `The environment variable ${env} is already set by ${other}; expected it once.`,
    };
  }
}

function* placedOnce({ document: { servers } }: RuleInput): Generator<Breach> {
  const placed = placedFiles(servers);
  for (const [index, { at, path }] of placed.entries()) {
    const other = placed.find(
      (candidate, i) => i !== index && isAtOrBelow(at, candidate.at) && (at !== candidate.at || i < index),
    );
    if (other === undefined) continue;
    const message =
      other.at === at
        ? `${at} is already the path of ${other.what}; expected each path once.`
        : `${at} needs ${other.at} to be a folder, but ${other.what} is a file there.`;
    yield { path, message };
  }
}

const kilnsOwn = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

function* placedApartFromKilns({ document: { servers } }: RuleInput): Generator<Breach> {
  for (const { at, path, kind } of placedFiles(servers)) {
    const own = kilnsOwn.find((file) => isAtOrBelow(at, file));
    if (own) yield { path, message: `Kiln creates ${own} in every server; expected another path.` };
    const inside = at === secretsFolder || (kind === "config" && isAtOrBelow(at, secretsFolder));
    if (inside) {
      yield { path, message: `${secretsFolder} is the folder of secrets; expected another path.` };
    }
  }
}

function* placedApartFromImage({ document: { image, servers } }: RuleInput): Generator<Breach> {
  const placed = placedFiles(servers);
  for (const [index, { to }] of (image?.files ?? []).entries()) {
    const hiding = hidingFolder(placed).find(({ at }) => isAtOrBelow(to, at));
    if (hiding === undefined) continue;
    yield {
      path: ["image", "files", index, "to"],
      message: `${to} is where ${hiding.what} is in every server, which would hide the image's file; expected different paths.`,
    };
  }
}

function* placedApartFromWritable({ document: { servers } }: RuleInput): Generator<Breach> {
  const placed = placedFiles(servers);
  for (const [index, writable] of (servers?.writable ?? []).entries()) {
    const path = ["servers", "writable", index];
    const above = hidingFolder(placed).find(({ at }) => isAtOrBelow(writable, at));
    if (above !== undefined) {
      yield { path, message: `${writable} is where ${above.what} is; expected different paths.` };
      continue;
    }
    const inside = placed.find(({ at, kind }) => isAtOrBelow(at, writable) && !isGuarded(at, kind));
    if (inside === undefined) continue;
    yield {
      path,
      message: `${writable} would let the process move ${inside.what}, at ${inside.at}; expected ${inside.at} outside of writable folders.`,
      hint: "Move the file to another path, or make a smaller folder writable.",
    };
  }
}

/** Paths that nothing else can use: the placed files themselves, and the whole folder of secrets. */
function hidingFolder(placed: readonly PlacedFile[]): readonly Pick<PlacedFile, "at" | "what">[] {
  const guarded = placed.filter(({ at, kind }) => isGuarded(at, kind));
  const rest = placed.filter((file) => !guarded.includes(file));
  const [first] = guarded;
  return first === undefined ? rest : [...rest, { at: secretsFolder, what: first.what }];
}

/** Mounted with the whole folder, which processes in the server cannot move even if /run is writable. */
function isGuarded(at: string, kind: PlacedFile["kind"]): boolean {
  return kind === "secret" && isAtOrBelow(at, secretsFolder);
}
