import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Installation, install } from "../test/e2e/harness.ts";
import type { ProjectFiles } from "./projects.ts";

/** An installation of its own with one project in it. */
export interface Bench extends AsyncDisposable {
  readonly installation: Installation;
  readonly folder: string;
}

/** Where cases get their installations. Packages are fetched once for all of them. */
export interface Workshop extends AsyncDisposable {
  /** A folder for whatever else a case needs; gone at the end. */
  readonly folder: string;
  /** What installations left: faults of Kiln, but no reason to throw away what was measured. */
  readonly faults: readonly string[];
  /** Progress messages for people who wait. */
  say(words: string): void;
  /** A new installation with this project, whose packages are locked and fetched, and nothing is built. */
  open(files: ProjectFiles, options?: BenchOptions): Promise<Bench>;
}

export interface BenchOptions {
  /** Whether the case changes servers from outside; where it does not, found drift is a fault. */
  readonly drifts?: boolean;
}

export async function openWorkshop(say: (words: string) => void): Promise<Workshop> {
  const folder = await mkdtemp("/tmp/kb-");
  const fetched = join(folder, "packages");
  const faults: string[] = [];
  const locks = new Map<string, string | undefined>();

  async function open(files: ProjectFiles, { drifts = false }: BenchOptions = {}): Promise<Bench> {
    const spec = files["kiln.yaml"] ?? "";
    const wanted = /packages: .*/.exec(spec)?.[0] ?? "";
    if (!locks.has(wanted)) locks.set(wanted, wanted === "" ? undefined : await fetchPackages(files));
    const lock = locks.get(wanted);
    const installation = await install("/tmp", { drifts });
    await keepPackages(fetched, packagesOf(installation));
    const project = await installation.project({ ...files, ...(lock ? { "kiln.lock": lock } : {}) });
    return { installation, folder: project, [Symbol.asyncDispose]: () => close(installation) };
  }

  async function close(installation: Installation): Promise<void> {
    try {
      await installation[Symbol.asyncDispose]();
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }

  async function fetchPackages(files: ProjectFiles): Promise<string> {
    say("fetching packages ...");
    await using installation = await install();
    await keepPackages(fetched, packagesOf(installation));
    const project = await installation.project(files);
    await installation.ok(["build"], { cwd: project });
    await keepPackages(packagesOf(installation), fetched);
    return readFile(join(project, "kiln.lock"), "utf8");
  }

  return {
    folder,
    faults,
    say,
    open,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Replaces a file of the project, as an editor does. */
export async function edit(bench: Bench, name: string, text: string): Promise<void> {
  await writeFile(join(bench.folder, name), text);
}

function packagesOf(installation: Installation): string {
  return join(installation.home, "cache/packages");
}

/** Only what was fetched: packages as they came, and apt's lists. What was made from them is not kept. */
async function keepPackages(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const part of ["apt", "debs"]) {
    await cp(join(from, part), join(to, part), { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
}
