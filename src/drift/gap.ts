/** A time in which a detector could not see: a change during that time that left no trace stays unknown. */
export interface WatchGap {
  readonly reason: string;
  /** What may have been missed: words for people. */
  readonly missed: string;
  /** At most so long. */
  readonly ms: number;
}

/** What only kernel events report. */
export const missedEvents =
  "who entered, mounted, traced or wrote to the memory of a server and left nothing there";
/** What rtnetlink(7) reports, and what cannot be read afterwards without a process in the namespace. */
export const missedNetwork =
  "who changed routing rules, settings or packet filters in a server's network namespace";
/** What no detector can have seen while this process did not run. */
export const missedAll = "anything that was done to a server and left nothing there";
/** What one call of pidfd_getfd(2) may have been. */
export const missedFiles = "who took a file descriptor out of a server, if it was one";
