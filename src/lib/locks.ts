/** Runs one piece of work at a time, in the order of the calls. */
export type Lock = <T>(work: () => Promise<T>) => Promise<T>;

export function createLock(): Lock {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work, work);
    last = mine.catch(() => {});
    return mine;
  };
}

/** One lock per key; keys without a waiting caller take no memory. */
export function createKeyedLocks(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const locks = new Map<string, { readonly lock: Lock; users: number }>();
  return async (key, work) => {
    const entry = locks.get(key) ?? { lock: createLock(), users: 0 };
    locks.set(key, entry);
    entry.users += 1;
    try {
      return await entry.lock(work);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) locks.delete(key);
    }
  };
}
