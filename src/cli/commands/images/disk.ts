import { resolve } from "node:path";
import type { DiskFormat } from "../../../image/disk/write-disk.ts";
import { KilnError } from "../../../lib/errors.ts";
import { containerPathPattern, envNamePattern } from "../../../spec/yaml/values.ts";
import type { Context, Outcome } from "../../context.ts";
import { formatBytes } from "../../output/units.ts";
import { readSmallFile } from "./boot-keys.ts";
import { storedImage } from "./stored.ts";

interface DiskOptions {
  readonly format: string;
  readonly output?: string;
  readonly force?: boolean;
  readonly writable?: readonly string[];
  readonly variable?: readonly string[];
  readonly signature?: string;
}

/** Ends of names that say more than the format's. */
const suffixes: Readonly<Record<string, string>> = { gce: "tar.gz", uki: "efi" };

/** `kiln image disk IMAGE`. Needs no controller. */
export async function run(context: Context, options: DiskOptions, name: string): Outcome {
  const { state, signal, output } = context;
  const { writable = [], variable = [], force: replace = false } = options;
  for (const path of writable) checkPath(path);
  for (const line of variable) checkVariable(line);
  const [{ diskOf }, { writeDisk }, { service, version, digest }] = await Promise.all([
    import("../../../image/disk/make-disk.ts"),
    import("../../../image/disk/write-disk.ts"),
    storedImage(context, name),
  ]);
  const format = options.format as DiskFormat;
  const path = resolve(context.cwd, options.output ?? `${service}-${version}.${suffixes[format] ?? format}`);
  const signature =
    options.signature === undefined
      ? undefined
      : { bytes: await readSmallFile(context, options.signature), place: options.signature };
  const isProgram = format === "uki";
  const what = isProgram ? "boot program" : "disk";
  const make = () => {
    output.note(
      `Making the ${what} of ${service}:${version}; the first one needs 30 MB of Debian's packages.`,
    );
    return diskOf(state, { service, digest }, { writable, env: variable, signature, format }, signal);
  };
  const { bytes, storedBytes } = await writeDisk(path, make, { format, replace }, signal);
  const isSigned = signature !== undefined;
  const lines = isProgram
    ? [`The boot program of ${service}:${version} was written to ${path} (${formatBytes(bytes)}).`]
    : [
        `${service}:${version} was written to ${path} as a disk of ${formatBytes(bytes)}, which takes ${formatBytes(storedBytes)}.`,
        "It boots with UEFI on x86-64.",
      ];
  output.result({ service, version, digest, format, output: path, bytes, storedBytes, signed: isSigned }, [
    ...lines,
    ...(isSigned ? ["It is signed for Secure Boot."] : []),
  ]);
  return 0;
}

function checkPath(path: string): void {
  if (containerPathPattern.test(path)) return;
  throw new KilnError(
    "usage",
    `\`--writable ${path}\`: expected an absolute path in the server, such as /run.`,
  );
}

function checkVariable(line: string): void {
  if (line.includes("=") && envNamePattern.test(line.slice(0, line.indexOf("="))) && !line.includes("\0"))
    return;
  throw new KilnError("usage", `\`--variable ${line}\`: expected NAME=VALUE, such as PORT=8080.`);
}
