import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { KilnError } from "../../lib/errors.ts";
import { readExactly } from "../../lib/files/read-inside.ts";
import { namesIn, sweepTemporary, temporaryPath } from "../../lib/files/temporary.ts";
import { isProcessAlive } from "../../lib/process/proc.ts";
import type { Workplace } from "./run.ts";

/** Terraform's record of a module's providers, with their digests: the module's own belongs to the root module that uses it. */
const providerLock = ".terraform.lock.hcl";
/** Of the module's folder: what Terraform has left there when someone ran it by hand. */
const leftOut = /^(\.terraform|\.terraform\.lock\.hcl|\.git|.*\.tfstate(\..*)?|.*\.tfvars(\.json)?)$/;
const mostFiles = 1000;
const mostBytes = 16 << 20;

/** In the JSON of Terraform's configuration, an expression is a template in a text. */
const expression = (text: string) => `\${${text}}`;

/**
 * The root module of every group. Its state is a file of its own folder; what the module tells is sensitive, so that no plan or
 * message shows it.
 */
const rootModule = {
  terraform: [{ backend: [{ local: [{ path: "state/terraform.tfstate" }] }] }],
  variable: { kiln: { type: "any", description: "What Kiln tells the module: docs/terraform.md." } },
  module: { group: { source: "./module", kiln: expression("var.kiln") } },
  output: { servers: { value: expression("module.group.servers"), sensitive: true } },
};

/**
 * Makes the folder of a group unless it is there, with a copy of the module: the group is removed by what it was made by, whatever becomes
 * of the module. Root's are the files that Terraform reads, the user's is `state/` alone. Throws `module_invalid`.
 */
export function makeGroupFolder(place: Workplace, module: string, group: string): void {
  const folder = groupFolder(place, group);
  if (existsSync(folder)) return;
  const { uid, gid } = place.user;
  for (const shared of [place.work, join(place.work, "groups")]) openFolder(shared);
  for (const own of ["plugins", "home"]) ownFolder(join(place.work, own), uid, gid);
  const temporary = temporaryPath(unfinishedFolder(place.work));
  openFolder(temporary);
  copyModule(module, temporary);
  ownFolder(join(temporary, "state"), uid, gid);
  writeOpenFile(join(temporary, "main.tf.json"), JSON.stringify(rootModule, null, 2));
  renameSync(temporary, folder);
}

function unfinishedFolder(work: string): string {
  return join(work, "new");
}

/** Removes what a crash has left of folders that were being made. */
export function sweepUnfinished(work: string): void {
  sweepTemporary(unfinishedFolder(work));
}

function groupFolder({ work }: Pick<Workplace, "work">, group: string): string {
  return join(work, "groups", group);
}

/** The groups that have a folder. */
export function groupFolders({ work }: Pick<Workplace, "work">): readonly string[] {
  const folder = join(work, "groups");
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(trialStart)) : [];
}

const trialStart = ".trial-";

/** The name of a group that is only planned. */
export function trialName(): string {
  return `${trialStart}${process.pid}-${randomBytes(6).toString("hex")}`;
}

/** Removes what a crash has left of those. */
export function sweepTrials(place: Workplace): void {
  for (const name of namesIn(join(place.work, "groups"))) {
    const pid = name.startsWith(trialStart) ? Number.parseInt(name.slice(trialStart.length), 10) : undefined;
    if (pid !== undefined && !isProcessAlive(pid)) removeGroupFolder(place, name);
  }
}

/** The value of the only variable. What a former call has written is replaced. */
export function writeVariable(place: Workplace, group: string, kiln: object): void {
  const path = join(groupFolder(place, group), "kiln.auto.tfvars.json");
  writeFileSync(`${path}.tmp`, JSON.stringify({ kiln }, null, 2), { mode: 0o600 });
  chownSync(`${path}.tmp`, 0, place.user.gid);
  chmodSync(`${path}.tmp`, 0o640);
  renameSync(`${path}.tmp`, path);
}

/** Whether `terraform init` has put the group's providers there. */
export function isInitialised(place: Workplace, group: string): boolean {
  return existsSync(join(groupFolder(place, group), "initialised"));
}

export function setInitialised(place: Workplace, group: string): void {
  writeFileSync(join(groupFolder(place, group), "initialised"), "");
}

/** Whether Terraform has ever made anything of the group. An empty file is a state that was lost while it was written. */
export function hasState(place: Workplace, group: string): boolean {
  const state = lstatSync(join(groupFolder(place, group), "state/terraform.tfstate"), {
    throwIfNoEntry: false,
  });
  return state !== undefined && state.size > 0;
}

export function removeGroupFolder(place: Workplace, group: string): void {
  rmSync(groupFolder(place, group), { recursive: true, force: true });
  rmSync(join(place.runs, `${group}.lock`), { force: true });
}

/** Readable by the user of Terraform, whatever this process's umask is; the folder above all of them is root's alone. */
function openFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
}

function writeOpenFile(path: string, content: string | Uint8Array): void {
  writeFileSync(path, content);
  chmodSync(path, 0o755);
}

function ownFolder(path: string, uid: number, gid: number): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chownSync(path, uid, gid);
}

function copyModule(from: string, folder: string): void {
  const files = moduleFiles(from);
  for (const { path, content } of files) {
    const to = path === providerLock ? join(folder, path) : join(folder, "module", path);
    for (const above of foldersAbove(path)) openFolder(join(folder, above));
    writeOpenFile(to, content);
  }
}

/** `module`, `module/a` of `a/b`. */
function foldersAbove(path: string): readonly string[] {
  const parts = ["module", ...path.split("/").slice(0, -1)];
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

export interface ModuleFile {
  /** Below the module's folder. */
  readonly path: string;
  readonly content: Buffer;
}

/** Everything of a module that Terraform reads, and its provider lock. Throws `module_invalid` for a folder without a module. */
export function moduleFiles(module: string): readonly ModuleFile[] {
  const files: ModuleFile[] = [];
  let bytes = 0;
  if (!statSync(module, { throwIfNoEntry: false })?.isDirectory())
    throw invalid(
      module,
      "there is no such folder",
      "Restore it, or remove the target and add it again with the module's folder.",
    );
  const root = realpathSync(module);
  const walk = (below: string) => {
    for (const name of readdirSync(join(root, below)).toSorted()) {
      const path = join(below, name);
      if (path !== providerLock && leftOut.test(name)) continue;
      const stat = lstatSync(join(root, path));
      if (stat.isDirectory()) walk(path);
      else if (!stat.isFile())
        throw invalid(
          module,
          `${path} is neither a file nor a folder`,
          "Copy what it points to into the module's folder: a group keeps a copy of that.",
        );
      else {
        const content = readExactly(join(root, path), mostBytes);
        bytes += content.length;
        files.push({ path, content });
      }
      if (files.length > mostFiles || bytes > mostBytes)
        throw invalid(
          module,
          `it has more than ${mostFiles} files or ${mostBytes >> 20} MiB`,
          "Keep the module alone in its folder.",
        );
    }
  };
  walk("");
  if (!files.some(({ path }) => /^[^/]+\.(tf|tofu)(\.json)?$/.test(path)))
    throw invalid(module, "it has no .tf file", "Name the folder that holds the module's files.");
  return files;
}

function invalid(module: string, what: string, hint: string): KilnError {
  return new KilnError("module_invalid", `The Terraform module ${module} cannot be used: ${what}.`, {
    permanent: true,
    hint,
  });
}
