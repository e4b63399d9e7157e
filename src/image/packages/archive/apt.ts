import { createHash } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../../../lib/files/files.ts";
import { proxiesOf } from "../../../lib/process/environment.ts";
import { type ExecResult, exec } from "../../../lib/process/exec.ts";
import { aptError } from "./apt-errors.ts";
import { adaptSources, formatSources, type PackageSource, parseDeb822, parseOneLine } from "./sources.ts";

/** A private apt: its state is in a folder of Kiln; configuration, keys and proxies come from the machine. */
export interface Apt {
  readonly folder: string;
  readonly architecture: string;
  readonly sources: readonly PackageSource[];
  readonly signal: AbortSignal;
}

/** The machine's sources for this suite, or the given lines of sources.list(5) when there are any. */
export async function findSources(
  lines: readonly string[],
  suite: string,
  signal: AbortSignal,
): Promise<readonly PackageSource[]> {
  if (lines.length > 0) return lines.flatMap(readLine);
  const sources = adaptSources(await machineSources(signal), suite);
  if (sources.length > 0) return sources;
  throw new KilnError("apt_failed", `This machine's apt has no source for Debian ${suite}.`, {
    hint: "Add one to `image.sources`, as a line of sources.list(5).",
  });
}

function readLine(line: string): readonly PackageSource[] {
  const sources = parseOneLine(line);
  if (sources.length === 1 && !line.includes("\n")) return sources;
  throw new KilnError("spec_invalid", `This is not a package source: ${line}`, {
    hint: "Expected a line of sources.list(5): `deb URI SUITE COMPONENT`.",
  });
}

async function machineSources(signal: AbortSignal): Promise<readonly PackageSource[]> {
  const { stdout } = await exec(
    ["apt-config", "shell", "list", "Dir::Etc::sourcelist/f", "parts", "Dir::Etc::sourceparts/d"],
    { signal, env: aptEnv },
  );
  const place = (name: string) => stdout.match(new RegExp(`^${name}='(.*)'$`, "m"))?.[1] ?? "/dev/null";
  const parts = place("parts");
  const names = (await readdir(parts).catch(() => [])).sort();
  const read = async (path: string) => (await readTextIfExists(path)) ?? "";
  const texts = await Promise.all(
    names.map(async (name) => {
      if (name.endsWith(".list")) return parseOneLine(await read(join(parts, name)));
      return name.endsWith(".sources") ? parseDeb822(await read(join(parts, name))) : [];
    }),
  );
  return [...parseOneLine(await read(place("list")).catch(() => "")), ...texts.flat()];
}

/** Opens the private state folder for these sources below `cacheFolder`; made when it is missing. */
export async function openApt(
  cacheFolder: string,
  architecture: string,
  sources: readonly PackageSource[],
  signal: AbortSignal,
): Promise<Apt> {
  const text = formatSources(sources);
  const key = createHash("sha256").update(`${architecture}\n${text}`).digest("hex").slice(0, 16);
  const apt = { folder: join(cacheFolder, "apt", key), architecture, sources, signal };
  for (const name of ["state/lists/partial", "cache/archives/partial", "empty"]) {
    await mkdir(join(apt.folder, name), { recursive: true, mode: 0o700 });
  }
  await writeFileAtomic(join(apt.folder, "kiln.sources"), text, { durable: false });
  await writeFileAtomic(join(apt.folder, "apt.conf"), aptConfig(apt.folder, architecture), {
    durable: false,
  });
  await writeFile(join(apt.folder, "status"), "", { flag: "a" });
  return apt;
}

/**
 * What the private apt does differently from the machine's (apt.conf(5)). Read after the machine's own files, so
 * that proxies and authentication stay; hooks are cleared, because they act on the machine.
 */
export function aptConfig(folder: string, architecture: string): string {
  const cleared = ["APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success"];
  const values = {
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    "APT::Default-Release": "",
    "APT::Get::AllowUnauthenticated": "false",
    // otherwise apt replaces a pretended package with the real one when a library of the same source is chosen
    "APT::Get::Upgrade-By-Source-Package": "false",
    "APT::Install-Recommends": "false",
    "APT::Install-Suggests": "false",
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
    "Dir::Cache": join(folder, "cache"),
    "Dir::Cache::pkgcache": "pkgcache.bin",
    "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": join(folder, "empty"),
    "Dir::Etc::sourcelist": join(folder, "kiln.sources"),
    "Dir::Etc::sourceparts": join(folder, "empty"),
    "Dir::State": join(folder, "state"),
    "Dir::State::lists": join(folder, "state/lists"),
    "Dir::State::status": join(folder, "status"),
  };
  return [
    ...["APT::Architectures", "Acquire::Languages", ...cleared].map((name) => `#clear ${name};`),
    ...Object.entries(values).map(([name, value]) => `${name} "${value}";`),
    "",
  ].join("\n");
}

const aptEnv = { LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };

/** Runs one of apt's programs with the private configuration. A failure becomes one of Kiln's errors. */
export async function runApt(
  apt: Apt,
  program: string,
  args: readonly string[],
  options: { readonly ignoreFailure?: boolean } = {},
): Promise<ExecResult> {
  const result = await exec([program, "-c", join(apt.folder, "apt.conf"), ...args], {
    signal: apt.signal,
    env: { ...aptEnv, ...proxiesOf(process.env) },
    accept: "any",
  });
  if (result.code !== 0 && !options.ignoreFailure) throw aptError(result);
  return result;
}

/** Brings the package lists up to date. Throws `apt_failed` when a source cannot be reached or trusted. */
export async function updateLists(apt: Apt): Promise<void> {
  await runApt(apt, "apt-get", ["-q=2", "-o", "APT::Update::Error-Mode=any", "update"]);
}
