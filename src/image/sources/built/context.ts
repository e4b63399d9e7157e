import { chmod, copyFile, mkdir, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { type ProjectFile, readProjectFiles } from "../../project/project-files.ts";
import type { OpenCall } from "../source.ts";

/** The files of the project that an image may have, below `/context`. Throws what `readProjectFiles` does. */
export async function contextFiles({ walk }: OpenCall): Promise<readonly ProjectFile[]> {
  const whole = { from: walk.projectFolder, to: "/context", mode: undefined, owner: undefined };
  return (await readProjectFiles([whole], walk)).files;
}

/** What a key needs of the files: everything that a program can see of them. */
export function contextKey(files: readonly ProjectFile[]): readonly unknown[] {
  return files.map(({ source, ...file }) => ({ ...file, sha256: source?.sha256 }));
}

/** Exactly what the key is of; the modes are an image's, whatever the builder's umask is. */
export async function writeContext(files: readonly ProjectFile[], context: string): Promise<void> {
  await mkdir(context);
  for (const { to, type, source, link: target } of files) {
    const path = join(context, relative("context", to));
    if (type === "folder") await mkdir(path, { recursive: true });
    else await mkdir(dirname(path), { recursive: true });
    if (type === "symlink") await symlink(target ?? "", path);
    if (type === "file" && source) await copyFile(source.path, path);
  }
  await setModes(files, context);
}

async function setModes(files: readonly ProjectFile[], context: string): Promise<void> {
  for (const { to, type, mode } of files) {
    if (type !== "symlink") await chmod(join(context, relative("context", to)), mode);
  }
}
