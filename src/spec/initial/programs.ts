import { packageNamePattern } from "../yaml/values.ts";
import { type FolderView, readIn } from "./folder.ts";
import type { ProjectRecipe } from "./recipe.ts";

const notForServers = /^(docs?|tests?|coverage)$/;

/** A Node.js program: a package.json, and the file that it starts. */
export async function recogniseNode(folder: FolderView): Promise<ProjectRecipe | undefined> {
  if (!folder.files.has("package.json")) return undefined;
  const entry = await nodeEntry(folder, parseJson(await readIn(folder, "package.json")));
  if (entry === undefined) return undefined;
  return {
    ...program(folder, notForServers),
    about: `${entry}, run by Debian's Node.js.`,
    packages: ["nodejs"],
    command: ["node", `/app/${entry}`],
    port: 3000,
    env: { NODE_ENV: "production", PORT: "3000" },
    memory: "256MiB",
  };
}

async function nodeEntry(
  folder: FolderView,
  manifest: Readonly<Record<string, unknown>>,
): Promise<string | undefined> {
  const scripts = manifest.scripts as Readonly<Record<string, unknown>> | undefined;
  const start = typeof scripts?.start === "string" ? scripts.start : "";
  const started = /(?:^|\s)node\s+(?:-\S+\s+)*(\S+)/.exec(start)?.[1];
  const usual = ["server", "index", "app", "main"].flatMap((name) => [
    `${name}.js`,
    `${name}.mjs`,
    `${name}.cjs`,
  ]);
  const candidates = [started, manifest.main, ...usual].filter((name) => typeof name === "string");
  for (const name of candidates.map(withoutDot)) {
    if (!isUsable(name)) continue;
    if ((await readIn(folder, name)) !== undefined) return name;
  }
  return undefined;
}

function withoutDot(path: string): string {
  return path.replace(/^\.\//, "");
}

/** A plain path inside the folder, of a file for the image. */
function isUsable(path: string): boolean {
  return /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(path) && !notForServers.test(path.split("/")[0] ?? "");
}

function parseJson(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** A Python program: a requirements.txt or a .py file. */
export async function recognisePython(folder: FolderView): Promise<ProjectRecipe | undefined> {
  const scripts = [...folder.files].filter((name) => name.endsWith(".py"));
  const entry = ["app.py", "main.py", "server.py"].find((name) => folder.files.has(name)) ?? scripts[0];
  if (entry === undefined) return undefined;
  return {
    ...program(folder, /^(docs?|tests?|venv|env|__pycache__|node_modules)$/),
    about: `${entry}, run by Debian's Python.`,
    packages: ["python3"],
    packageNotes: pythonNotes(await readIn(folder, "requirements.txt")),
    command: ["python3", `/app/${entry}`],
    port: 8000,
    env: { PORT: "8000", PYTHONDONTWRITEBYTECODE: "1", PYTHONUNBUFFERED: "1" },
    memory: "128MiB",
  };
}

/** requirements.txt uses names of another package system: add Debian's probable names for them. */
function pythonNotes(requirements: string | undefined): string[] {
  const names = (requirements ?? "")
    .split("\n")
    .map(
      (line) => /^\s*([A-Za-z0-9][A-Za-z0-9._-]*)/.exec(line)?.[1]?.toLowerCase().replaceAll("_", "-") ?? "",
    )
    .filter((name) => packageNamePattern.test(name));
  if (names.length === 0) return [];
  const debian = names.map((name) => `python3-${name.replace(/^python3?-/, "")}`);
  return ["requirements.txt lists more packages; Debian's names for them are usually:", debian.join(", ")];
}

/** What all programs share: the files of the folder in /app, and no privileges. */
function program(folder: FolderView, leftOut: RegExp) {
  const ours = /^(kiln\..*|readme.*|licen[cs]e.*|changelog.*|dockerfile|.*\.md|docker-compose.*)$/i;
  const kept = [...folder.folders, ...folder.files].filter((name) => !ours.test(name) && !leftOut.test(name));
  return {
    notes: () => [],
    from: "debian" as const,
    packageNotes: [] as readonly string[],
    files: kept.map((name) => ({ from: `./${name}`, to: `/app/${name}` })),
    user: "nobody",
    writable: ["/tmp"],
    http: undefined,
    extra: [],
  };
}
