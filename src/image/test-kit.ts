import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { defaultUpkeep, type ImageSpec, type ServiceSpec } from "../domain/spec.ts";
import { systemClock } from "../lib/clock.ts";
import { openStateFolder, type StateFolder } from "../lib/state-folder.ts";
import type { BuildOptions } from "./build.ts";
import type { Entry, Tree } from "./entry.ts";

/** For tests: a project and a state folder below one temporary folder, removed with `using`. */
export interface Workshop extends Disposable {
  readonly folder: string;
  readonly project: string;
  readonly state: StateFolder;
  readonly options: BuildOptions;
  write(path: string, text: string, mode?: number): void;
}

export function workshop(): Workshop {
  const folder = mkdtempSync("/tmp/kiln-");
  const project = join(folder, "project");
  mkdirSync(project);
  const state = openStateFolder({ KILN_HOME: join(folder, "home") });
  return {
    folder,
    project,
    state,
    options: {
      state,
      projectFolder: project,
      updateLock: false,
      clock: systemClock,
      signal: new AbortController().signal,
      progress: () => {},
    },
    write(path, text, mode = 0o644) {
      mkdirSync(dirname(join(project, path)), { recursive: true });
      writeFileSync(join(project, path), text, { mode });
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function serviceSpec(image: Partial<ImageSpec>): ServiceSpec {
  return {
    service: "shop",
    environment: undefined,
    image: {
      version: undefined,
      from: { kind: "scratch" },
      packages: [],
      sources: [],
      skipScripts: [],
      files: [],
      user: undefined,
      command: ["/run"],
      ...image,
    },
    count: 1,
    shape: { port: undefined, env: {}, memoryBytes: undefined, cpus: undefined, writable: [] },
    secrets: [],
    files: [],
    jobs: [],
    health: {
      check: { kind: "alive" },
      intervalMs: 1000,
      timeoutMs: 1000,
      ready: 2,
      unready: 3,
      deadlineMs: 300_000,
    },
    traffic: undefined,
    upkeep: defaultUpkeep,
    rollout: {
      strategy: "rolling",
      steps: [],
      promote: "auto",
      surge: 1,
      unavailable: 0,
      bakeMs: 0,
      drainMs: 0,
      keepWarmMs: 0,
      progressDeadlineMs: 600_000,
      onFailure: "rollback",
    },
  };
}

/** A tree from a few words: text is a file, `{ to }` a symlink, null a folder. */
export function treeOf(paths: Readonly<Record<string, string | { readonly to: string } | null>>): Tree {
  return new Map(Object.entries(paths).map(([path, what]) => [path, entryOf(path, what)]));
}

function entryOf(path: string, what: string | { readonly to: string } | null): Entry {
  const common = { path, uid: 0, gid: 0, mtime: 1 };
  if (what === null) return { ...common, type: "folder", mode: 0o755 };
  if (typeof what !== "string") return { ...common, type: "symlink", mode: 0o777, link: what.to };
  return { ...common, type: "file", mode: 0o755, content: { kind: "bytes", bytes: Buffer.from(what) } };
}
