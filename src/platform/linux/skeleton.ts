/** A place that something is mounted on. */
export interface MountPoint {
  /** Absolute path in the image. */
  readonly path: string;
  readonly type: "folder" | "file";
}

/** Parents before what lies in them, each once. */
export function mountOrder(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.map(withoutTrailingSlash))].sort(
    (a, b) => depth(a) - depth(b) || (a < b ? -1 : 1),
  );
}

/** The places that a server needs in its root file system, whatever its image holds; `placed` are its release's. */
export function mountPoints(
  writable: readonly string[],
  workingFolder: string,
  placed: readonly MountPoint[],
): readonly MountPoint[] {
  const placedFolders = placed.filter(({ type }) => type === "folder").map(({ path }) => path);
  const folders = ["/proc", "/dev", "/sys", workingFolder || "/", ...writable, ...placedFolders];
  return [
    ...mountOrder(folders)
      .filter((path) => path !== "/")
      .map((path) => ({ path, type: "folder" as const })),
    ...["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"].map((path) => ({ path, type: "file" as const })),
    ...placed.filter(({ type }) => type === "file"),
  ];
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, "") : path;
}

function depth(path: string): number {
  return path.split("/").length;
}

/** Folders that every user may write to, and no user may clear of what others wrote: mode 1777. */
export function isForEverybody(path: string): boolean {
  return ["/tmp", "/var/tmp", "/dev/shm"].includes(path);
}
