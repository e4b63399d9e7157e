import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { toKilnError } from "../lib/errors.ts";
import { isExhausted } from "../lib/files/folder-watch.ts";
import type { Subject } from "../platform/linux/subject.ts";
import type { CheckName } from "./checks/checks.ts";
import type { DetectorParts } from "./checks/detector.ts";

/** What a change of these files of a cgroup makes us look at; limits are known by the baseline. */
const cgroupFiles: ReadonlyMap<string, CheckName> = new Map([
  ["freezer.state", "paused"],
  ["cgroup.freeze", "paused"],
  ["cgroup.events", "paused"],
  ["cgroup.procs", "processes"],
  ["cgroup.threads", "processes"],
  ["tasks", "processes"],
]);

export interface WatchParts extends DetectorParts {
  /** Called with a file of an image that something was done to. */
  readonly image: (file: string) => void;
}

/** The checks for which inotify reports that there is something to see. */
const told: ReadonlySet<CheckName> = new Set<CheckName>(["limits", "paused", "bundle"]);

export interface Watch extends Disposable {
  /** Whether the kernel reports at once when this check of the server has something to see. */
  tells(subject: Subject, name: CheckName): boolean;
  /** Tries again, of one server and of the image files, what the kernel had no watch left for. */
  again(): void;
}

interface Watched {
  readonly watchers: readonly FSWatcher[];
  /** False once one of its files or folders could not be watched, or is watched no more. */
  whole: boolean;
  /** The kernel had no watch left for one of them. */
  wanting: boolean;
}

/**
 * Sees writes to the files of servers' cgroups, and changes of their bundles and images, with inotify: the kernel tells
 * of them within a fraction of a millisecond, but not who it was.
 */
export function startWatch({ inspector, checks, log, tell, image }: WatchParts): Watch {
  const servers = new Map<Subject, Watched>();
  const images = new Map<string, FSWatcher | undefined>();
  const due = new Set<string>();
  let exhausted = false;

  /** Many writes at once are one look. */
  function look(subject: Subject, name: CheckName): void {
    const key = `${subject.server} ${name}`;
    if (due.has(key)) return;
    due.add(key);
    queueMicrotask(() => {
      due.delete(key);
      for (const difference of checks.look(subject, name)) tell(subject, difference);
    });
  }

  function open(
    path: string,
    changed: (name: string | null) => void,
    lost: (error?: unknown) => void = () => {},
  ): FSWatcher | undefined {
    try {
      const watcher = watch(path, { persistent: false }, (_event, name) => changed(name));
      watcher.on("error", () => watcher.close());
      watcher.on("close", () => lost());
      return watcher;
    } catch (error) {
      // Gone meanwhile, or no watch is left to give: the scan sees it a second later.
      log.debug({ path, error: toKilnError(error).message }, "not watched");
      if (isExhausted(error) && !exhausted) {
        exhausted = true;
        log.warn(
          { error: toKilnError(error).message },
          "inotify has no watches left: the scan looks at everything",
        );
      }
      lost(error);
      return undefined;
    }
  }

  function watchServer(subject: Subject): Watched {
    const watchers: FSWatcher[] = [];
    const watched: Watched = { watchers, whole: true, wanting: false };
    const lost = (error?: unknown) => {
      watched.whole = false;
      watched.wanting ||= isExhausted(error);
    };
    const keep = (watcher: FSWatcher | undefined) => void (watcher && watchers.push(watcher));
    const limits = new Set(subject.baseline.limits.map(({ file }) => basename(file)));
    const folders = new Set([
      ...subject.baseline.limits.map(({ file }) => dirname(file)),
      ...subject.cgroupFolders.filter((folder) =>
        /\/(?:freezer|unified)\/|^\/sys\/fs\/cgroup\/[^/]+\/[^/]+$/.test(folder),
      ),
    ]);
    for (const folder of folders) {
      const changed = (name: string | null) => {
        const check = limits.has(name ?? "") ? "limits" : cgroupFiles.get(name ?? "");
        if (check) look(subject, check);
      };
      keep(open(folder, changed, lost));
    }
    for (const { file } of subject.baseline.bundle) keep(open(file, () => look(subject, "bundle"), lost));
    return watched;
  }

  function learn(): void {
    const subjects = new Set(inspector.subjects());
    for (const [subject, { watchers }] of servers) {
      if (subjects.has(subject)) continue;
      for (const watcher of watchers) watcher.close();
      servers.delete(subject);
    }
    for (const subject of subjects) if (!servers.has(subject)) servers.set(subject, watchServer(subject));
    learnImages(new Set([...subjects].flatMap(({ imageFiles }) => imageFiles.map(({ file }) => file))));
  }

  function learnImages(files: ReadonlySet<string>): void {
    for (const [file, watcher] of images) {
      if (files.has(file)) continue;
      watcher?.close();
      images.delete(file);
    }
    for (const file of files)
      if (!images.has(file))
        images.set(
          file,
          open(file, () => image(file)),
        );
  }

  /** One server at a time: where nothing is left, that is one refused call. */
  function again(): void {
    if (!exhausted) return;
    const found = [...servers].find(([, { wanting }]) => wanting);
    if (found) {
      const [subject, { watchers }] = found;
      for (const watcher of watchers) watcher.close();
      servers.set(subject, watchServer(subject));
      return;
    }
    for (const [file, watcher] of images) if (watcher === undefined) images.delete(file);
    exhausted = false;
    learn();
    if (!exhausted) log.info("inotify covers all servers again");
  }

  const learning = inspector.watch(learn);
  learn();
  return {
    again,
    tells: (subject, name) => told.has(name) && servers.get(subject)?.whole === true,
    [Symbol.dispose]() {
      learning[Symbol.dispose]();
      for (const { watchers } of servers.values()) for (const watcher of watchers) watcher.close();
      for (const watcher of images.values()) watcher?.close();
    },
  };
}
