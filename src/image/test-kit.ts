import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ImageSpec } from "../domain/spec/image-spec.ts";
import type { ServiceSpec } from "../domain/spec/spec.ts";
import { defaultUpkeep } from "../domain/spec/upkeep-policy.ts";
import { openStateFolder, type StateFolder } from "../lib/state-folder.ts";
import { systemClock } from "../lib/time/clock.ts";
import type { BuildOptions } from "./build-options.ts";
import type { TarEntry, TarTree } from "./tar/entry.ts";

/** For tests: a project and a state folder below one temporary folder, removed with `using`. */
export interface Workshop extends Disposable {
  readonly folder: string;
  readonly project: string;
  readonly state: StateFolder;
  readonly options: BuildOptions;
  write(path: string, text: string | Uint8Array, mode?: number): void;
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
    target: "local",
    image: {
      version: undefined,
      from: { kind: "scratch" },
      packages: [],
      sources: [],
      skipScripts: [],
      files: [],
      exclude: [],
      users: [],
      folders: [],
      links: [],
      env: {},
      labels: {},
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
export function treeOf(paths: Readonly<Record<string, string | { readonly to: string } | null>>): TarTree {
  return new Map(Object.entries(paths).map(([path, what]) => [path, entryOf(path, what)]));
}

function entryOf(path: string, what: string | { readonly to: string } | null): TarEntry {
  const common = { path, uid: 0, gid: 0, mtime: 1 };
  if (what === null) return { ...common, type: "folder", mode: 0o755 };
  if (typeof what !== "string") return { ...common, type: "symlink", mode: 0o777, link: what.to };
  return { ...common, type: "file", mode: 0o755, content: { kind: "bytes", bytes: Buffer.from(what) } };
}

interface ElfOptions {
  /** Absent: statically linked. */
  readonly interpreter?: string;
  readonly bits?: 32 | 64;
  readonly big?: boolean;
}

/** The headers of an ELF program (elf(5)): one segment that is loaded, and one that names the interpreter. */
export function elf({ interpreter, bits = 64, big = false }: ElfOptions): Buffer {
  const wide = bits === 64;
  const [headerSize, entrySize] = wide ? [64, 56] : [52, 32];
  const name = Buffer.from(`${interpreter ?? ""}\0`);
  const nameAt = headerSize + 2 * entrySize;
  const file = Buffer.alloc(nameAt + name.length + 64);
  const half = (value: number, at: number) =>
    void (big ? file.writeUInt16BE(value, at) : file.writeUInt16LE(value, at));
  const word = (value: number, at: number) =>
    void (big ? file.writeUInt32BE(value, at) : file.writeUInt32LE(value, at));
  const address = (value: number, at: number) => word(value, wide && big ? at + 4 : at);
  file.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, big ? 2 : 1, 1]);
  address(headerSize, wide ? 32 : 28);
  half(entrySize, wide ? 54 : 42);
  half(interpreter === undefined ? 1 : 2, wide ? 56 : 44);
  word(1, headerSize);
  word(3, headerSize + entrySize);
  address(nameAt, headerSize + entrySize + (wide ? 8 : 4));
  address(name.length, headerSize + entrySize + (wide ? 32 : 16));
  file.set(name, nameAt);
  return file;
}
