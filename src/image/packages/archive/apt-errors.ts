import { KilnError, toKilnError } from "../../../lib/errors.ts";
import { nearest } from "../../../lib/nearest.ts";

interface AptOutput {
  readonly stdout: string;
  readonly stderr: string;
}

const updateHint = "`kiln build --update` resolves the packages again.";

/** The error for a failed apt program. `names` are all packages of the suite, for the nearest word. */
export function aptError(output: AptOutput, names: readonly string[] = []): KilnError {
  return (
    diskFull(output) ??
    unknownSuite(output) ??
    unknownPackage(output, names) ??
    unknownVersion(output) ??
    conflict(output) ??
    failure(output)
  );
}

function diskFull({ stderr }: AptOutput): KilnError | undefined {
  if (!/No space left on device|Not enough free space/i.test(stderr)) return undefined;
  return toKilnError(Object.assign(new Error(stderr.trim()), { code: "ENOSPC" }));
}

/** apt's message when a source answers, but lacks this suite. */
function unknownSuite({ stderr }: AptOutput): KilnError | undefined {
  const [, archive, suite] =
    stderr.match(/The repository '(\S+) (\S+) Release' does not have a Release file/) ?? [];
  if (archive === undefined || suite === undefined) return undefined;
  return new KilnError("apt_failed", `The package source ${archive} has no suite ${suite}.`, {
    hint: "Check `image.from` (such as debian:bookworm) and `image.sources` in kiln.yaml.",
  });
}

function unknownPackage(output: AptOutput, names: readonly string[]): KilnError | undefined {
  const name =
    output.stderr.match(/Unable to locate package (\S+)/)?.[1] ??
    output.stderr.match(/Package '(\S+)' has no installation candidate/)?.[1];
  if (!name) return undefined;
  const providers = providersOf(output.stdout);
  if (providers.length > 0) {
    return new KilnError("package_unknown", `${name} is not a package; several packages provide it.`, {
      hint: `Name one of them: ${providers.slice(0, 5).join(", ")}.`,
    });
  }
  const near = nearest(name, names);
  return new KilnError("package_unknown", `The package sources have no package ${name}.`, {
    ...(near === undefined ? {} : { hint: `Did you mean ${near}?` }),
  });
}

function providersOf(stdout: string): readonly string[] {
  const list = stdout.match(/is a virtual package provided by:\n((?: {2}\S.*\n)+)/)?.[1] ?? "";
  return [...list.matchAll(/^ {2}(\S+)/gm)].flatMap(([, name]) => name ?? []);
}

function unknownVersion(output: AptOutput): KilnError | undefined {
  const match = output.stderr.match(/Version '(.+)' for '(.+)' was not found/);
  if (!match) return undefined;
  return new KilnError("package_unknown", `The package sources have no version ${match[1]} of ${match[2]}.`, {
    hint: `Name another version, or leave out the version to get the newest. \`apt-cache policy ${match[2]}\` lists the versions in this machine's suite.`,
  });
}

function conflict(output: AptOutput): KilnError | undefined {
  if (!/unmet dependencies|held broken packages|Conflicting/.test(output.stdout + output.stderr))
    return undefined;
  const lines = output.stdout.split("The following packages have unmet dependencies:")[1] ?? output.stderr;
  const reasons = lines
    .split("\n")
    .map((line) => line.trim().replace(/\s+/g, " "))
    .filter((line) => line !== "" && !line.startsWith("Statement:"))
    .slice(0, 8);
  return new KilnError("package_conflict", `These packages conflict: ${reasons.join("; ")}`, {
    hint: "Remove one of the packages, or name versions that fit together.",
  });
}

function failure(output: AptOutput): KilnError {
  const words = output.stderr
    .split("\n")
    .filter((line) => /^[EW]: /.test(line) && !/Some index files failed|Download Failed/.test(line))
    .map((line) => line.slice(3).trim());
  const said = [...new Set(words)].slice(0, 3).join("; ") || output.stderr.trim().slice(-300);
  return new KilnError("apt_failed", `apt failed: ${said}`, {
    hint: "Check the network and this machine's apt configuration (`apt-get update` shows the same error), then repeat the command.",
    retry: true,
  });
}

/** A locked package that could not be fetched: apt's message decides the error. */
export function fetchError(name: string, version: string, said: string): KilnError {
  if (/Hash Sum mismatch|unexpected size/i.test(said)) {
    return new KilnError("package_corrupt", `${name} ${version} does not match its digest in kiln.lock.`, {
      hint: `A mirror or proxy may have damaged the package: try again. If the error stays, ${updateHint}`,
      retry: true,
    });
  }
  if (/\b404\b|Not Found|File not found|No such file/i.test(said)) {
    return new KilnError("package_gone", `${name} ${version} is no longer in the package sources.`, {
      hint: updateHint,
    });
  }
  return diskFull({ stdout: "", stderr: said }) ?? failure({ stdout: "", stderr: said });
}
