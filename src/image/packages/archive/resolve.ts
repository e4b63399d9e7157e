import { join } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import { writeFileAtomic } from "../../../lib/files/files.ts";
import { type LockedPackage, lockedPackage } from "../../lock-file.ts";
import type { PackageEngine } from "../contract.ts";
import { type Assumption, assumptions, baseLibrary, basePackages, isJustified } from "../setup/assumed.ts";
import { type Apt, runApt, updateLists } from "./apt.ts";
import { aptError } from "./apt-errors.ts";
import { parseStanzas, relationNames, type Stanza } from "./control.ts";
import { archives } from "./sources.ts";

/**
 * The whole set of packages that an image with `requested` needs, by today's package lists: the base, and what apt
 * adds for the dependencies; with the engine `full` also the essential ones. Throws `package_unknown`, `package_conflict` and `apt_failed`.
 */
export async function resolvePackages(
  apt: Apt,
  requested: readonly string[],
  engine: PackageEngine,
  progress: (message: string) => void,
): Promise<readonly LockedPackage[]> {
  checkNames(requested);
  progress("Updating the package lists");
  await updateLists(apt);
  progress("Resolving the packages");
  const names = requested.map(nameOf);
  const base = basePackages.filter((name) => !names.includes(name));
  if (engine === "full") {
    await pretendInstalled(apt, []);
    const { chosen } = await simulate(apt, [...essential, ...base, ...requested]);
    checkChosen(names, chosen);
    return locate(apt, chosen);
  }
  const chosen = await settle(
    apt,
    requested,
    base,
    assumptions.filter(({ name }) => !names.includes(name)),
  );
  checkChosen(names, chosen);
  return locate(apt, [...chosen, ...base]);
}

/** apt-patterns(7). apt counts itself as essential, and an image that never changes does not need it. */
const essential = ["?and(?essential, ?not(?exact-name(apt)))"];

function nameOf(requested: string): string {
  return requested.split("=", 1)[0] ?? requested;
}

function checkNames(requested: readonly string[]): void {
  const wrong = requested.find((text) => !/^[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?$/.test(text));
  if (wrong === undefined) return;
  throw new KilnError("package_unknown", `${JSON.stringify(wrong)} is not a package name.`, {
    hint: "Write `name` or `name=version`; names have lower-case letters, digits, `+`, `-` and `.`.",
  });
}

/** A trailing `-` or `+` means remove or install to apt, so a wrong name could vanish instead of failing. */
function checkChosen(names: readonly string[], chosen: readonly string[]): void {
  const have = new Set(chosen.map(nameOf));
  const lost = names.find((name) => !have.has(name));
  if (lost !== undefined) {
    throw new KilnError("package_unknown", `The package sources have no package ${lost}.`);
  }
}

/** Resolves, drops every assumption that the result contradicts, and resolves again until all hold. */
async function settle(
  apt: Apt,
  requested: readonly string[],
  base: readonly string[],
  assumed: readonly Assumption[],
): Promise<readonly string[]> {
  await pretendInstalled(apt, [...assumed.map(({ name }) => name), ...base]);
  const { chosen, removed } = await simulate(apt, [...requested, baseLibrary]);
  const stanzas = await show(apt, chosen);
  const needed = new Set([...removed, ...neededAnyway(assumed, stanzas)]);
  if (needed.size === 0) return chosen;
  return settle(
    apt,
    requested,
    base.filter((name) => !needed.has(name)),
    assumed.filter(({ name }) => !needed.has(name)),
  );
}

/** The assumed packages that one of the chosen ones uses while it runs. */
export function neededAnyway(assumed: readonly Assumption[], chosen: readonly Stanza[]): readonly string[] {
  return assumed
    .filter((assumption) =>
      chosen.some((stanza) => {
        const names = [stanza.get("depends"), stanza.get("pre-depends")].flatMap(relationNames);
        return names.includes(assumption.name) && !isJustified(assumption, stanza.get("package") ?? "");
      }),
    )
    .map(({ name }) => name);
}

/** Makes apt see these packages as installed, in the version it would choose and without dependencies. */
async function pretendInstalled(apt: Apt, names: readonly string[]): Promise<void> {
  const path = join(apt.folder, "status");
  await writeFileAtomic(path, "", { durable: false });
  const stanzas = await show(apt, names);
  await writeFileAtomic(path, stanzas.map(installedStanza).join("\n"), { durable: false });
}

const keptFields = ["Package", "Version", "Architecture", "Multi-Arch", "Provides"];

function installedStanza(stanza: Stanza): string {
  const fields = keptFields.flatMap((name) => {
    const value = stanza.get(name.toLowerCase());
    return value === undefined ? [] : [`${name}: ${value}`];
  });
  return `${fields.join("\n")}\nStatus: hold ok installed\n`;
}

async function show(apt: Apt, names: readonly string[]): Promise<readonly Stanza[]> {
  if (names.length === 0) return [];
  const options = { ignoreFailure: true };
  const { stdout } = await runApt(apt, "apt-cache", ["show", "--no-all-versions", "--", ...names], options);
  return parseStanzas(stdout);
}

interface Simulation {
  /** `name=version`, sorted. */
  readonly chosen: readonly string[];
  /** Pretended packages that conflict with the requested ones. */
  readonly removed: readonly string[];
}

async function simulate(apt: Apt, names: readonly string[]): Promise<Simulation> {
  const args = ["-q=1", "--simulate", "install", "--", ...names];
  const result = await runApt(apt, "apt-get", args, { ignoreFailure: true });
  if (result.code === 0) return parseSimulation(result.stdout);
  const all = await runApt(apt, "apt-cache", ["pkgnames"], { ignoreFailure: true });
  throw aptError(result, all.stdout.split("\n"));
}

/** apt-get's `--simulate` lines: `Inst name [old] (version origin [architecture])`, `Remv name [version]`. */
export function parseSimulation(text: string): Simulation {
  const chosen = [...text.matchAll(/^Inst (\S+?)(?::\S+)? (?:\[\S+\] )?\((\S+) /gm)].map(
    (m) => `${m[1]}=${m[2]}`,
  );
  const removed = [...text.matchAll(/^Remv (\S+?)(?::\S+)? /gm)].flatMap((m) => m[1] ?? []);
  return { chosen: chosen.sort(), removed };
}

/** Digest, size and place of every package, as apt would download it. */
async function locate(apt: Apt, names: readonly string[]): Promise<readonly LockedPackage[]> {
  const { stdout } = await runApt(apt, "apt-get", ["-q=2", "--print-uris", "download", "--", ...names]);
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("'"))
    .map((line) => parseUriLine(line, apt))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * `'uri' name_version_architecture.deb size SHA256:digest`; the file name is percent-encoded for `:`. An index may come from
 * anywhere: nothing of it is used that a lock could not hold.
 */
export function parseUriLine(line: string, apt: Pick<Apt, "sources">): LockedPackage {
  const match = line.match(/^'(.+)' ([^_ ]+)_([^_ ]+)_([^_ ]+)\.deb (\d+) SHA256:([0-9a-f]{64})$/);
  const [, written = "", name, version = "", architecture, size, sha256] = match ?? [];
  const uri = decoded(written);
  const archive = archives(apt.sources)
    .filter((one) => uri.startsWith(`${decoded(one.uri)}/`))
    .sort((a, b) => b.uri.length - a.uri.length)[0];
  const found = lockedPackage.safeParse({
    name,
    version: decoded(version),
    architecture,
    size: Number(size),
    sha256,
    path: uri.slice(decoded(archive?.uri ?? "").length + 1).replace(/^(\.?\/+)+/, ""),
    suite: archive?.suite,
  });
  if (found.success) return found.data;
  throw new KilnError(
    "apt_failed",
    `apt named a package in a way that is not understood: ${line.slice(0, 500)}`,
    {
      hint: "The package source must offer SHA256 digests, and names and paths as Debian writes them.",
    },
  );
}

/** Empty for what is malformed. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
