import type { StreamBeat } from "../api/contract/contract.ts";
import type { Answer } from "../api/contract/types.ts";

/** What is heard on the stream of events. `open`: from here on nothing is missed; `lost`: something may be. */
export type News =
  | { readonly kind: "open" }
  | { readonly kind: "beat"; readonly atMs: number }
  | { readonly kind: "event"; readonly event: Answer<"events"> }
  | { readonly kind: "lost" };

/** A tab that begins to listen asks whether the stream is open. */
type Said = News | { readonly kind: "asked" };

const name = "kiln-events";
const againMs = 3_000;

/**
 * One stream of events for all tabs of a browser, because a browser has six connections to an address in all (HTTP/1.1). The tab
 * that holds a lock of this name has the stream, and tells the others what it hears. A tab that cannot be seen lets go of both.
 */
export function listen(hear: (news: News) => void): void {
  const others = new BroadcastChannel(name);
  let visible = new AbortController();
  let isOpen = false;
  const tell = (news: News) => {
    isOpen = news.kind !== "lost";
    hear(news);
    others.postMessage(news satisfies Said);
  };
  others.onmessage = ({ data }: MessageEvent<Said>) => {
    if (data.kind !== "asked") return void (document.hidden || hear(data));
    if (isOpen) others.postMessage({ kind: "open" } satisfies Said);
  };
  const look = () => {
    visible.abort();
    isOpen = false;
    if (document.hidden) return;
    visible = new AbortController();
    const { signal } = visible;
    others.postMessage({ kind: "asked" } satisfies Said);
    navigator.locks.request(name, { signal }, () => hold(tell, signal)).catch(() => undefined);
  };
  document.addEventListener("visibilitychange", look);
  look();
}

/** Keeps the stream open, again after each fault, until `signal` is aborted. */
function hold(tell: (news: News) => void, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let source: EventSource | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource("/v1/events?follow=true&newest=0");
    source.onopen = () => tell({ kind: "open" });
    source.onmessage = ({ data }) => tell({ kind: "event", event: JSON.parse(data) });
    source.addEventListener("beat", ({ data }) =>
      tell({ kind: "beat", atMs: (JSON.parse(data) as StreamBeat).atMs }),
    );
    source.onerror = () => {
      source?.close();
      tell({ kind: "lost" });
      again = setTimeout(open, againMs);
    };
  };
  signal.addEventListener("abort", () => {
    clearTimeout(again);
    source?.close();
    resolve();
  });
  open();
  return promise;
}
