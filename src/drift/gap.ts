/** A time in which a detector could not see: what was done then and left nothing behind stays unknown. */
export interface Gap {
  readonly reason: string;
  /** What may have been missed: words for people. */
  readonly missed: string;
  /** At most so long. */
  readonly ms: number;
}

/** What kernel events tell, and nothing else does. */
export const missedEvents =
  "who entered, mounted, traced or wrote to the memory of a server and left nothing there";
/** What rtnetlink(7) tells, and nobody can read afterwards without a process in the namespace. */
export const missedNetwork = "who changed routing rules or settings in a server's network namespace";
/** What no detector can have seen while this process did not run. */
export const missedAll = "whatever was done to a server and left nothing there";
/** What one call of pidfd_getfd(2) may have been. */
export const missedFiles = "who took a file descriptor out of a server, if it was one";
