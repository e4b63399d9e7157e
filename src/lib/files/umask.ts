/** Runs synchronous `work` with this umask, for the files and child processes that it creates: umask(2) is process-wide. */
export function withUmask<T>(mask: number, work: () => T): T {
  const before = process.umask(mask);
  try {
    return work();
  } finally {
    process.umask(before);
  }
}
