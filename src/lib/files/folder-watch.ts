import { readdirSync, watch } from "node:fs";
import { isErrno } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Clock } from "../time/clock.ts";

/** How often a folder is read while the kernel sends no events for it. */
const pollMs = 1_000;

export interface FolderWatch {
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn" | "info">;
  /** Called with the name of a file that may be new; there may be false alarms. */
  readonly changed: (name: string) => void;
}

/** Whether the kernel has run out of inotify instances, watches or files: inotify_init(2), inotify_add_watch(2). */
export function isExhausted(error: unknown): boolean {
  return ["EMFILE", "ENFILE", "ENOSPC", "ENOMEM"].some((code) => isErrno(error, code));
}

/**
 * Reports new files in a folder, with inotify. When other programs have used up inotify, the folder is read each second
 * instead, which is reported once, until the kernel sends events again.
 */
export function watchFolder(folder: string, { clock, log, changed }: FolderWatch): Disposable {
  const end = new AbortController();
  let close = () => {};

  function open(): boolean {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name !== null) changed(name);
      });
      watcher.on("error", (error) => {
        watcher.close();
        void poll(error);
      });
      close = () => watcher.close();
      return true;
    } catch (error) {
      if (!isExhausted(error)) throw error;
      return false;
    }
  }

  /** Also reports files that came between the last read and the first event. */
  async function poll(why: unknown): Promise<void> {
    const words = why instanceof Error ? why.message : "no inotify instance or watch is left";
    log.warn({ folder, error: words }, "no events for a folder: it is read each second instead");
    let known = new Set<string>();
    for (let watched = false; !watched && !end.signal.aborted; ) {
      await clock.sleep(pollMs, end.signal).catch(() => {});
      if (end.signal.aborted) return;
      watched = open();
      const names = namesOf(folder);
      for (const name of names) if (!known.has(name)) changed(name);
      known = new Set(names);
    }
    log.info({ folder }, "events for a folder arrive again");
  }

  if (!open()) void poll(undefined);
  return {
    [Symbol.dispose]() {
      end.abort();
      close();
    },
  };
}

function namesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isExhausted(error)) return [];
    throw error;
  }
}
