import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exec } from "../../lib/process/exec.ts";
import { contentBytes } from "../store/content.ts";
import type { TarTree } from "../tar/entry.ts";

/** What a compiler and a C library take of their packages. */
const used = /^(usr\/)?(bin\/tcc|lib(64)?\/.*\.(a|o|h|so[.\d]*)|include\/.*)$/;
const largestFile = 32 << 20;

/**
 * The machine's first process, compiled by the packages' own tcc against their musl, started with their own loader, so that nothing
 * of this machine has a part in it. `work` is a folder for that, which the caller removes. Throws `command_failed`.
 */
export async function compileInit(
  work: string,
  tools: readonly TarTree[],
  source: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  for (const tree of tools) await unpackTools(tree, work);
  const gnu = join(work, "lib/x86_64-linux-gnu");
  const tcc = join(work, "usr/lib/x86_64-linux-gnu/tcc");
  const musl = join(work, "usr/lib/x86_64-linux-musl");
  const output = join(work, "init");
  const program = join(gnu, "ld-linux-x86-64.so.2");
  await exec(
    [
      program,
      ...["--library-path", gnu, join(work, "usr/bin/tcc")],
      ...["-w", `-B${tcc}`, "-nostdinc", "-nostdlib", "-static"],
      ...[`-I${join(work, "usr/include/x86_64-linux-musl")}`, `-I${join(tcc, "include")}`],
      ...["-o", output, join(musl, "crt1.o"), join(musl, "crti.o"), source],
      ...[join(musl, "libc.a"), join(tcc, "libtcc1.a"), join(musl, "crtn.o")],
    ],
    { signal, timeoutMs: 60_000 },
  );
  return readFile(output);
}

async function unpackTools(tree: TarTree, into: string): Promise<void> {
  for (const { path, type, link, content, mode } of tree.values()) {
    if (!used.test(path)) continue;
    const target = join(into, path);
    await mkdir(dirname(target), { recursive: true });
    if (type === "symlink" && link !== undefined && !link.startsWith("/")) await symlink(link, target);
    if (type !== "file") continue;
    await writeFile(target, content ? contentBytes(content, largestFile) : "");
    await chmod(target, mode & 0o755);
  }
}
