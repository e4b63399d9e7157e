import { createKeyedLocks } from "../../../lib/locks.ts";

/** One piece of work at a time with each volume. Nothing is unmounted under such work. */
export interface VolumeTurns {
  take<T>(volume: string, work: () => Promise<T>): Promise<T>;
  /** Nothing is unmounted either, but other work continues meanwhile. */
  hold(volume: string): Disposable;
  isTaken(volume: string): boolean;
}

export function volumeTurns(): VolumeTurns {
  const locks = createKeyedLocks();
  const waiting = new Map<string, number>();
  const count = (volume: string, by: number) => {
    const left = (waiting.get(volume) ?? 0) + by;
    if (left > 0) waiting.set(volume, left);
    else waiting.delete(volume);
  };
  return {
    isTaken: (volume) => waiting.has(volume),
    hold(volume) {
      count(volume, 1);
      return { [Symbol.dispose]: () => count(volume, -1) };
    },
    async take(volume, work) {
      count(volume, 1);
      try {
        return await locks(volume, work);
      } finally {
        count(volume, -1);
      }
    },
  };
}
