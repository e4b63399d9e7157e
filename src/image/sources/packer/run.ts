import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { readInside } from "../../../lib/files/read-inside.ts";
import { temporaryPath } from "../../../lib/files/temporary.ts";
import { systemPath } from "../../../lib/process/environment.ts";
import { exec } from "../../../lib/process/exec.ts";
import { apartFolder, runApart } from "../../apart.ts";
import type { ProjectFile } from "../../project/project-files.ts";
import { noNetworkHint, writeLayouts } from "../built/buildah.ts";
import { writeContext } from "../built/context.ts";
import type { OpenCall } from "../source.ts";
import { faultPlace, withoutRequiredPlugins } from "./template.ts";

const longestBuildMs = 3_600_000;
const inside = (name: string) => join(apartFolder, name);

/** A Packer that is installed. */
export interface Packer {
  readonly version: string;
  /** Before 1.7 every builder was built in, and templates could not name plugins. */
  readonly hasAllBuilders: boolean;
}

/** Throws `tool_missing`. */
export async function findPacker({ signal }: OpenCall): Promise<Packer> {
  try {
    const { stdout } = await exec(["packer", "version"], { signal, env: { CHECKPOINT_DISABLE: "1" } });
    const [, version = stdout.trim(), major, minor] = /v((\d+)\.(\d+)\.\S+)/.exec(stdout) ?? [];
    return { version, hasAllBuilders: major === "1" && Number(minor) < 7 };
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "tool_missing") throw error;
    throw new KilnError("tool_missing", "packer is not installed: it runs templates of Packer.", {
      hint: "Install it: apt-get install packer. A newer one goes to /usr/local/bin.",
      permanent: true,
    });
  }
}

/** What a run of Packer works on. */
export interface Work {
  readonly packer: Packer;
  /** Of the template, below the project's folder. */
  readonly template: string;
  readonly files: readonly ProjectFile[];
  /** Values of the template's variables. */
  readonly args: Readonly<Record<string, string>>;
  /** Whether provisioners reach the internet. */
  readonly internet: boolean;
}

/** An image that the template names, and the one that it is. */
export interface Brought {
  readonly name: string;
  readonly reference: string;
  readonly digest: string;
}

export interface Run {
  readonly folder: string;
  /** Everything that the brought images are, and are built on. */
  readonly bases: readonly string[];
  /** Packer's output, and whether it ended well. */
  packer(
    command: "inspect" | "build",
    ...options: readonly string[]
  ): Promise<{ ok: boolean; output: string }>;
  /** The lines that the stand-in for docker has left in a file; none when it has not. */
  lines(name: "asked" | "made" | "notes"): Promise<readonly string[]>;
}

/** With a folder of its own, which is gone afterwards: the project's files, the images, and the stand-in for docker. */
export async function withPacker<T>(
  work: Work,
  images: readonly Brought[],
  call: OpenCall,
  use: (run: Run) => Promise<T>,
): Promise<T> {
  const folder = temporaryPath(call.place.store.temporary);
  await mkdir(folder, { mode: 0o700 });
  try {
    await writeContext(work.files, join(folder, "context"));
    if (work.packer.hasAllBuilders) await removeRequiredPlugins(work, folder);
    else await bringPlugins(join(folder, "plugins"), call);
    const { names, bases } = await writeLayouts(images, folder, call);
    const known = images.map(({ name }, i) => `${names[i]} ${name}\n`);
    await writeFile(join(folder, "images"), known.join(""));
    await mkdir(join(folder, "bin"));
    await copyFile(new URL("docker.sh", import.meta.url), join(folder, "bin/docker"));
    await chmod(join(folder, "bin/docker"), 0o755);
    return await use({
      folder,
      bases,
      packer: (command, ...options) => runPacker(work, folder, [command, ...options], call),
      lines: (name) => linesOf(folder, name),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of the template's own files alone: a link may lead to a file of the machine. */
export async function removeRequiredPlugins(
  { template, files }: Pick<Work, "template" | "files">,
  folder: string,
): Promise<void> {
  const whole = join("context", template);
  const isOfTemplate = (path: string) => path === whole || dirname(path) === whole;
  for (const { to, type } of files) {
    if (type !== "file" || !to.endsWith(".pkr.hcl") || !isOfTemplate(to)) continue;
    const path = join(folder, to);
    await writeFile(path, withoutRequiredPlugins(await readFile(path, "utf8")));
  }
}

/** The plugins that the caller has installed with `packer init` or `packer plugins install`. */
async function bringPlugins(folder: string, { env }: OpenCall): Promise<void> {
  const from = env.PACKER_PLUGIN_PATH ?? (env.HOME && join(env.HOME, ".config/packer/plugins"));
  if (!from) return;
  await cp(from, folder, { recursive: true, dereference: true }).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw error;
  });
}

/** Plugins talk by loopback, which an empty network only has. */
const start = 'cd "$1" && shift && exec "$@" 2>&1 </dev/null';
const startLoopback = `ip link set lo up && ${start}`;

async function runPacker(
  { template, args, internet }: Work,
  folder: string,
  command: readonly string[],
  { signal }: OpenCall,
) {
  const variables = Object.entries(args).flatMap(([name, value]) => ["-var", `${name}=${value}`]);
  const env = {
    PATH: `${inside("bin")}:${systemPath}`,
    CHECKPOINT_DISABLE: "1",
    PACKER_NO_COLOR: "1",
    PACKER_CONFIG_DIR: inside("packer"),
    PACKER_CACHE_DIR: inside("packer/cache"),
    PACKER_PLUGIN_PATH: inside("plugins"),
    ...(internet ? { KILN_NETWORK: "host" } : {}),
  };
  const shell = ["sh", "-c", internet ? start : startLoopback, "sh", inside("context")] as const;
  const { code, stdout, stderr } = await runApart(
    folder,
    [...shell, "packer", ...command, ...variables, template],
    { signal, timeoutMs: longestBuildMs, env, internet, accept: "any" },
  );
  return { ok: code === 0, output: `${stdout}${stderr}` };
}

async function linesOf(folder: string, name: string): Promise<readonly string[]> {
  try {
    const text = (await readInside(folder, join(folder, name), 1 << 16)).toString();
    return text.split("\n").filter((line) => line !== "");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** The newest image as a layout `out` in the folder. */
export async function writeResult({ folder, lines }: Run, { signal }: OpenCall): Promise<string> {
  const [number = ""] = await lines("made");
  if (!/^\d{1,9}$/.test(number)) {
    throw new KilnError("packer_failed", "Packer has ended well, but its build has made no image.", {
      hint: "Give the source `commit = true` or an `export_path`, in place of `discard`.",
    });
  }
  await runApart(folder, ["sh", inside("bin/docker"), "layout"], { signal });
  return join(folder, "out");
}

const mostLines = 30;

/** The fault of a run that has failed while the template was read or built, in Packer's own words, with the place that it names. */
export function packerFault(
  { template, packer, internet }: Work,
  output: string,
  during: "reading" | "building",
): KilnError {
  const place = faultPlace(output, template);
  const words = output
    .replaceAll("%!(PACKER_COMMA)", ",")
    .replace(/^\s*\(source code not available\)\n/gm, "")
    .replace(/\n*==> (Wait completed after|Builds finished|Some builds didn't)[\s\S]*$/, "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-mostLines)
    .join("\n");
  if (/missing plugins?|packer (init|plugins install)|unknown builder|unknown provisioner/i.test(words)) {
    return new KilnError("packer_invalid", `${place ?? template}: a plugin is missing: ${words}`, {
      hint: packer.hasAllBuilders
        ? `Packer ${packer.version} has no such builder or provisioner: install a newer Packer to /usr/local/bin, and its plugins with \`packer init\`.`
        : `Run \`packer init ${template}\` as the user that runs Kiln, or name the folder of plugins in PACKER_PLUGIN_PATH.`,
    });
  }
  if (place !== undefined) return new KilnError("packer_invalid", `${place}: ${words}`);
  if (during === "reading") return new KilnError("packer_invalid", `${template} cannot be read: ${words}`);
  return new KilnError("packer_failed", `${basename(template)} cannot be built: ${words}`, {
    ...(internet ? {} : { hint: noNetworkHint("Provisioners") }),
  });
}
