/** What `work` makes at once, files or a child process, has this umask: umask(2) is of the whole process. */
export function withUmask<T>(mask: number, work: () => T): T {
  const before = process.umask(mask);
  try {
    return work();
  } finally {
    process.umask(before);
  }
}
