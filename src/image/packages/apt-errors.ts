import { KilnError } from "../../lib/errors.ts";

interface AptOutput {
  readonly stdout: string;
  readonly stderr: string;
}

const updateHint = "`kiln build --update` resolves the packages anew.";

/** What a failed apt program means for the user. `names` are all packages of the suite, for the nearest words. */
export function aptError(output: AptOutput, names: readonly string[] = []): KilnError {
  return unknownPackage(output, names) ?? unknownVersion(output) ?? conflict(output) ?? failure(output);
}

function unknownPackage(output: AptOutput, names: readonly string[]): KilnError | undefined {
  const name =
    output.stderr.match(/Unable to locate package (\S+)/)?.[1] ??
    output.stderr.match(/Package '(\S+)' has no installation candidate/)?.[1];
  if (!name) return undefined;
  const providers = [...output.stdout.matchAll(/^ {2}(\S+)(?: \S+)?$/gm)].flatMap((m) => m[1] ?? []);
  const near = providers.length > 0 ? providers.slice(0, 5) : nearestNames(name, names);
  return new KilnError("package_unknown", `There is no package ${name} in the package sources.`, {
    ...(near.length > 0 ? { hint: `Did you mean ${near.join(", ")}?` } : {}),
  });
}

function unknownVersion(output: AptOutput): KilnError | undefined {
  const match = output.stderr.match(/Version '(.+)' for '(.+)' was not found/);
  if (!match) return undefined;
  return new KilnError("package_unknown", `The package sources have no version ${match[1]} of ${match[2]}.`, {
    hint: `Name another version, or none to get the newest. \`apt-cache policy ${match[2]}\` lists those of this machine's suite.`,
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
  return new KilnError("package_conflict", `These packages cannot be together: ${reasons.join("; ")}`, {
    hint: "Remove one of the packages, or name versions that fit.",
  });
}

function failure(output: AptOutput): KilnError {
  const words = output.stderr
    .split("\n")
    .filter((line) => /^[EW]: /.test(line) && !/Some index files failed|Download Failed/.test(line))
    .map((line) => line.slice(3).trim());
  const said = [...new Set(words)].slice(0, 3).join("; ") || output.stderr.trim().slice(-300);
  return new KilnError("apt_failed", `apt failed: ${said}`, {
    hint: "Check the network and this machine's apt configuration (`apt-get update` shows the same), then repeat.",
    retry: true,
  });
}

/** A locked package that could not be fetched: what apt said about it decides. */
export function fetchError(name: string, version: string, said: string): KilnError {
  if (/Hash Sum mismatch|unexpected size/i.test(said)) {
    return new KilnError(
      "package_corrupt",
      `${name} ${version} does not have the digest that kiln.lock names.`,
      {
        hint: `A mirror or proxy may have damaged it: try again. If it stays so, ${updateHint}`,
        retry: true,
      },
    );
  }
  if (/\b404\b|Not Found|File not found|No such file/i.test(said)) {
    return new KilnError("package_gone", `${name} ${version} is no longer in the package sources.`, {
      hint: updateHint,
    });
  }
  return failure({ stdout: "", stderr: said });
}

/** The five names nearest to `name`, at most a third of it different. */
export function nearestNames(name: string, names: readonly string[]): readonly string[] {
  const limit = Math.max(1, Math.floor(name.length / 3));
  return names
    .filter((other) => Math.abs(other.length - name.length) <= limit)
    .map((other) => ({ other, distance: editDistance(name, other) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance || (a.other < b.other ? -1 : 1))
    .slice(0, 5)
    .map(({ other }) => other);
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
