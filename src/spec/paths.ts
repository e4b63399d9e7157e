/** True for the folder itself and everything in it. Both are absolute and normalised. */
export function isAtOrBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

const kernelFolders = ["/proc", "/sys", "/dev"];

/** The folder that holds this absolute path and that the kernel fills in every server. */
export function kernelFolderOf(path: string): string | undefined {
  return kernelFolders.find((folder) => isAtOrBelow(path, folder));
}
