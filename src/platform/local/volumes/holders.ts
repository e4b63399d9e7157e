import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ServerId } from "../../../domain/ids.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { readIfThere } from "../../../lib/process/proc.ts";
import { isHostedId } from "../../fleet/server-id.ts";
import { cgroupFolders, installationCgroup } from "../../linux/cgroups.ts";

/** What of which file system a folder is, as field 3 and 4 of /proc/PID/mountinfo name it, proc(5). */
export interface FolderPlace {
  readonly device: string;
  readonly root: string;
}

/** Where this folder is, by this process's mount table. */
export function placeOf(
  folder: string,
  mountinfo = readFileSync("/proc/self/mountinfo", "utf8"),
): FolderPlace {
  const above = mountLines(mountinfo)
    .filter(({ point }) => point === "/" || folder === point || folder.startsWith(`${point}/`))
    .reduce((best, line) => (line.point.length >= best.point.length ? line : best));
  const below = above.point === "/" ? folder : folder.slice(above.point.length);
  return { device: above.device, root: joined(above.root, below) };
}

/** Whether the folder, something above it on the same file system, or something in it is mounted. */
export function shows(mountinfo: string, { device, root }: FolderPlace): boolean {
  return mountLines(mountinfo).some(
    (line) => line.device === device && (line.root === root || line.root.startsWith(`${root}/`)),
  );
}

/** Servers that have this folder mounted now: the kernel's word for it, whatever is on record. */
export function holdersOf(tag: string, folder: string): readonly ServerId[] {
  const place = placeOf(folder);
  const cgroups = cgroupFolders(installationCgroup(tag)).flatMap((parent) =>
    namesIn(parent)
      .filter(isHostedId)
      .map((name) => ({ name, procs: join(parent, name, "cgroup.procs") })),
  );
  const holders = cgroups.filter(({ procs }) => {
    const pids = (readIfThere(procs) ?? "").split("\n").filter((pid) => pid !== "");
    return pids.some((pid) => shows(readIfThere(`/proc/${pid}/mountinfo`) ?? "", place));
  });
  return [...new Set(holders.map(({ name }) => name))];
}

interface Line extends FolderPlace {
  readonly point: string;
}

function mountLines(mountinfo: string): readonly Line[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [, , device, root, point] = line.split(" ");
    if (device === undefined || root === undefined || point === undefined) return [];
    return [{ device, root: unescaped(root), point: unescaped(point) }];
  });
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function joined(root: string, below: string): string {
  const path = root === "/" ? below : `${root}${below}`;
  return path === "" ? "/" : path;
}
