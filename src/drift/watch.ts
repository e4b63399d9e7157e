import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { toKilnError } from "../lib/errors.ts";
import type { Subject } from "../platform/platform.ts";
import type { CheckName } from "./checks.ts";
import type { DetectorParts } from "./detector.ts";

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

/**
 * Sees writes to the files of servers' cgroups, and changes of their bundles and images, with inotify: the kernel tells
 * of them within a fraction of a millisecond, but not who it was.
 */
export function startWatch({ sight, checks, log, tell, image }: WatchParts): Disposable {
  const servers = new Map<Subject, readonly FSWatcher[]>();
  const images = new Map<string, FSWatcher | undefined>();
  const due = new Set<string>();

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

  function open(path: string, changed: (name: string | null) => void): FSWatcher | undefined {
    try {
      const watcher = watch(path, { persistent: false }, (_event, name) => changed(name));
      watcher.on("error", () => watcher.close());
      return watcher;
    } catch (error) {
      // Gone meanwhile, or no watch is left to give: the scan sees it a second later.
      log.debug({ path, error: toKilnError(error).message }, "not watched");
      return undefined;
    }
  }

  function watchServer(subject: Subject): readonly FSWatcher[] {
    const limits = new Set(subject.baseline.limits.map(({ file }) => basename(file)));
    const folders = new Set([
      ...subject.baseline.limits.map(({ file }) => dirname(file)),
      ...subject.cgroupFolders.filter((folder) =>
        /\/(?:freezer|unified)\/|^\/sys\/fs\/cgroup\/[^/]+\/[^/]+$/.test(folder),
      ),
    ]);
    const watchers = [
      ...[...folders].map((folder) =>
        open(folder, (name) => {
          const check = limits.has(name ?? "") ? "limits" : cgroupFiles.get(name ?? "");
          if (check) look(subject, check);
        }),
      ),
      ...subject.baseline.bundle.map(({ file }) => open(file, () => look(subject, "bundle"))),
    ];
    return watchers.filter((watcher) => watcher !== undefined);
  }

  function learn(): void {
    const subjects = new Set(sight.subjects());
    for (const [subject, watchers] of servers) {
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

  const learning = sight.watch(learn);
  learn();
  return {
    [Symbol.dispose]() {
      learning[Symbol.dispose]();
      for (const watchers of servers.values()) for (const watcher of watchers) watcher.close();
      for (const watcher of images.values()) watcher?.close();
    },
  };
}
