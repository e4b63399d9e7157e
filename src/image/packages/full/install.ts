import { constants, lstatSync } from "node:fs";
import { copyFile, mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import { temporaryPath } from "../../../lib/files/temporary.ts";
import { inParallel } from "../../../lib/in-parallel.ts";
import { exec } from "../../../lib/process/exec.ts";
import { pacer } from "../../../lib/time/pace.ts";
import { apartFolder, runApart } from "../../apart.ts";
import type { LockedPackage } from "../../lock-file.ts";
import { useResult } from "../../store/unused-results.ts";
import type { TarTree } from "../../tar/entry.ts";
import { readTar } from "../../tar/tar-reader.ts";
import { debPath } from "../archive/fetch.ts";
import { checkDigest } from "../archive/unpack.ts";
import { generatedNote, type PackagesRequest } from "../contract.ts";
import { withoutTraces } from "./traces.ts";

const longestInstallMs = 3_600_000;

type Request = Pick<PackagesRequest, "cacheFolder" | "signal" | "progress" | "note">;

/**
 * The tree of an installation of exactly these packages, which are in the cache, by mmdebstrap: each maintainer script runs, in namespaces of
 * its own, without a network and as no user of the machine. What has been installed under this name before is not installed again. Throws
 * `package_script_failed`, `package_corrupt`, `tool_missing` and `not_root`.
 */
export async function install(
  packages: readonly LockedPackage[],
  name: string,
  request: Request,
): Promise<TarTree> {
  const tar = join(request.cacheFolder, "installed", `${name}.tar`);
  if (!(await useResult(tar))) await installInto(tar, packages, request);
  const whole = { path: tar, offset: 0, length: (await stat(tar)).size };
  const { tree, generated } = withoutTraces(await readTar(whole, pacer(request.signal)));
  if (generated.length > 0) request.note(generatedNote(generated));
  return tree;
}

/** In a temporary folder, from which the archive is moved when it is complete. */
async function installInto(tar: string, packages: readonly LockedPackage[], request: Request): Promise<void> {
  requireRoot();
  const folder = temporaryPath(join(request.cacheFolder, "temporary"));
  await mkdir(join(folder, "archive"), { recursive: true, mode: 0o700 });
  await mkdir(join(folder, "tmp"));
  try {
    const builtAt = await writeArchive(packages, join(folder, "archive"), request);
    request.progress(`Installing ${packages.length} packages with their maintainer scripts`);
    await runMmdebstrap(folder, packages, builtAt, request.signal);
    await keepArchive(join(folder, "root.tar"), tar);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Moves what the scripts' namespaces have left to its place, once it is on the disk: nothing looks into it again. A script may have put a link
 * there to a file of the machine, or a pipe. Throws `package_script_failed`.
 */
export async function keepArchive(made: string, kept: string): Promise<void> {
  if (!lstatSync(made, { throwIfNoEntry: false })?.isFile()) {
    throw new KilnError("package_script_failed", "The installation of the packages has left no archive.", {
      hint: "A script of a package has put something else in its place: leave packages out until you know which.",
    });
  }
  await using file = await open(made);
  await file.sync();
  await mkdir(dirname(kept), { recursive: true, mode: 0o700 });
  await rename(made, kept);
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new KilnError("not_root", "Packages with `image.engine: full` are installed as root.", {
    hint: "Repeat the command with sudo.",
  });
}

/** An archive of these packages alone, in the flat form of sources.list(5). Resolves to the time when the newest was built, in seconds. */
async function writeArchive(
  packages: readonly LockedPackage[],
  folder: string,
  { cacheFolder, signal }: Request,
): Promise<number> {
  const written = await inParallel(packages, 4, async (one) => {
    const deb = debPath(cacheFolder, one);
    await checkDigest(deb, one);
    await copyFile(deb, join(folder, `${one.sha256}.deb`), constants.COPYFILE_FICLONE);
    const { stdout } = await exec(["prlimit", "--data=1073741824", "dpkg-deb", "--field", deb], { signal });
    const place = `Filename: ./${one.sha256}.deb\nSize: ${one.size}\nSHA256: ${one.sha256}\n`;
    return { stanza: `${stdout.trimEnd()}\n${place}`, builtAt: await buildTime(deb) };
  });
  await writeFile(join(folder, "Packages"), written.map(({ stanza }) => stanza).join("\n"));
  return Math.max(...written.map(({ builtAt }) => builtAt));
}

/** Of the first member's header in the ar archive that a package is: ar(5), deb(5). */
async function buildTime(deb: string): Promise<number> {
  const file = await open(deb);
  try {
    const { buffer } = await file.read(Buffer.alloc(12), 0, 12, 24);
    return Number.parseInt(buffer.toString("latin1"), 10) || 0;
  } finally {
    await file.close();
  }
}

/** Nothing may depend on the machine: names, time, language, what else its archives have. */
async function runMmdebstrap(
  folder: string,
  packages: readonly LockedPackage[],
  builtAt: number,
  signal: AbortSignal,
): Promise<void> {
  const inside = (name: string) => join(apartFolder, name);
  const named = ["sh", "-c", 'hostname localhost && ip link set lo up && exec "$@"', "sh"] as const;
  const how = ["--mode=root", "--variant=essential", "--skip=check/empty,output/dev,output/mknod"];
  const what = `--include=${packages.map((one) => one.name).join(",")}`;
  const source = `deb [trusted=yes] copy:${inside("archive")} ./`; // each file has been checked against kiln.lock
  const env = {
    ...{ SOURCE_DATE_EPOCH: String(builtAt), DEBIAN_FRONTEND: "noninteractive" },
    ...{ LC_ALL: "C.UTF-8", TZ: "UTC", PYTHONDONTWRITEBYTECODE: "1" },
  };
  const { code, stderr } = await runApart(
    folder,
    [...named, "mmdebstrap", ...how, what, "", inside("root.tar"), source],
    { signal, timeoutMs: longestInstallMs, env, accept: "any" },
  );
  if (code !== 0) throw installFault(stderr);
}

const mostLines = 12;

/** From what mmdebstrap has written: what came before the first fault that dpkg names, and that, without mmdebstrap's own words. */
export function installFault(stderr: string): KilnError {
  if (/mmdebstrap: not found/.test(stderr))
    return new KilnError(
      "tool_missing",
      "mmdebstrap is not installed: it installs packages with `image.engine: full`.",
      { hint: "Install it: apt-get install mmdebstrap", permanent: true },
    );
  if (/No space left on device/.test(stderr))
    return new KilnError("disk_full", "There is no space left to install the packages.");
  const lines = stderr
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(I: |E: |Processing triggers )/.test(line));
  const faulty = lines.findIndex((line) => /^dpkg: error processing /.test(line));
  const end = faulty < 0 ? lines.length : faulty + 2;
  return new KilnError(
    "package_script_failed",
    `The packages cannot be installed:\n${lines.slice(Math.max(0, end - mostLines), end).join("\n")}`,
    {
      hint: "Their scripts run without a network and without services. A package that needs either can be used through a Dockerfile with `image.network: internet`.",
    },
  );
}
