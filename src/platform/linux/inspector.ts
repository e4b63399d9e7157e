import type { ServerId } from "../../domain/ids.ts";
import { isAlive } from "../../lib/process/proc.ts";
import { setFrozen } from "./cgroups.ts";
import type { Inspector, Subject } from "./subject.ts";

/** `Inspector` with the host's side of it: what runs is added, and dropped before Kiln itself does anything to it. */
export interface HostInspector extends Inspector {
  add(subject: Subject): void;
  drop(server: ServerId): void;
}

/**
 * The running servers, in memory. A server that Kiln has frozen is not looked at: it is no longer what it was, and no one
 * needs to be told.
 */
export function createInspector(): HostInspector {
  const subjects = new Map<ServerId, Subject>();
  const frozen = new Map<ServerId, Subject>();
  const watchers = new Set<() => void>();
  let list: readonly Subject[] = [];
  const changed = () => {
    list = [...subjects.values()];
    for (const tell of watchers) tell();
  };
  return {
    subjects: () => list,
    watch(tell) {
      const watcher = () => tell();
      watchers.add(watcher);
      return { [Symbol.dispose]: () => void watchers.delete(watcher) };
    },
    add(subject) {
      subjects.set(subject.server, subject);
      changed();
    },
    drop(server) {
      frozen.delete(server);
      if (subjects.delete(server)) changed();
    },
    freeze(server) {
      const subject = subjects.get(server);
      if (!subject || !setFrozen(subject.cgroupFolders, true)) return frozen.has(server);
      frozen.set(server, subject);
      subjects.delete(server);
      changed();
      return true;
    },
    thaw(server) {
      const subject = frozen.get(server);
      if (!subject || !setFrozen(subject.cgroupFolders, false)) return;
      frozen.delete(server);
      if (!isAlive(subject.process)) return;
      subjects.set(server, subject);
      changed();
    },
  };
}
