/** So many pages of a browser follow logs at a time: of its six connections to an address (HTTP/1.1) some are left for answers. */
export const mostFollowing = 3;

/** Waits for the turn of this page to follow logs, which lasts until `signal` is aborted. False: that was before its turn. */
export async function turn(signal: AbortSignal): Promise<boolean> {
  const waiting = new AbortController();
  signal.addEventListener("abort", () => waiting.abort());
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const have = () => {
    if (waiting.signal.aborted) return undefined; // another place was free at the same time
    waiting.abort();
    resolve(true);
    return new Promise<void>((leave) => signal.addEventListener("abort", () => leave()));
  };
  for (let place = 0; place < mostFollowing; place += 1) {
    const request = navigator.locks.request(`kiln-logs-${place}`, { signal: waiting.signal }, have);
    request.catch(() => resolve(false));
  }
  return await promise;
}
