import { type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { requestOf, table } from "../../../api/contract/contract.ts";
import { ask, type Fault, toFault } from "../../store.ts";
import { append, type Line } from "./lines.ts";
import { turn } from "./turn.ts";

/** What is read: all servers of a service, or one of them. */
export interface Source {
  readonly service: string;
  readonly server: string | undefined;
}

export interface Tail {
  readonly lines: readonly Line[];
  readonly state: "waiting" | "connecting" | "live" | "ended";
  readonly fault?: Fault;
}

/** So many of the last lines of each server come first. */
const before = 200;
/** Lines are collected so long before they are shown. */
const collectMs = 250;
const againMs = 3_000;

/** What the source writes, for as long as the page can be seen: a hidden one reads nothing, and begins again when it is seen. */
export function useTail({ service, server }: Source): Signal<Tail> {
  const tail = useMemo(() => signal<Tail>({ lines: [], state: "connecting" }), [service, server]);
  useEffect(() => follow(tail, { service, server }), [tail]);
  return tail;
}

/** Returns what ends it. */
function follow(tail: Signal<Tail>, source: Source): () => void {
  let following: AbortController | undefined;
  let stream: EventSource | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  let collecting: ReturnType<typeof setTimeout> | undefined;
  let fresh: Line[] = [];
  let begins = true;
  let n = 0;
  let over = false;
  const show = () => {
    collecting = undefined;
    tail.value = { lines: append(begins ? [] : tail.value.lines, fresh), state: "live" };
    fresh = [];
    begins = false;
  };
  const close = () => {
    clearTimeout(again);
    stream?.close();
    stream = undefined;
  };
  const end = () => {
    following?.abort();
    following = undefined;
    close();
  };
  const begin = async () => {
    if (document.hidden || following !== undefined) return;
    following = new AbortController();
    const { signal } = following;
    const noting = setTimeout(() => {
      tail.value = { ...tail.value, state: "waiting" };
    }, collectMs);
    const mine = await turn(signal);
    clearTimeout(noting);
    if (mine && !signal.aborted) open();
  };
  /** Meanwhile another page may have the turn. */
  const fail = async () => {
    end();
    const fault = await whyNot(source);
    if (over || following !== undefined) return;
    tail.value = { ...tail.value, state: "connecting", ...(fault === undefined ? {} : { fault }) };
    again = setTimeout(() => void begin(), againMs);
  };
  const open = () => {
    close();
    begins = true;
    stream = new EventSource(pathOf(source));
    stream.onopen = () => {
      collecting ??= setTimeout(show, collectMs);
    };
    stream.onmessage = ({ data }) => {
      fresh.push({ ...JSON.parse(data), n: n++ });
      collecting ??= setTimeout(show, collectMs);
    };
    stream.addEventListener("end", () => {
      end();
      if (collecting !== undefined) clearTimeout(collecting);
      show();
      tail.value = { ...tail.value, state: "ended" };
    });
    stream.addEventListener("fault", () => void fail());
    stream.onerror = () => void fail();
  };
  const look = () => (document.hidden ? end() : tail.value.state !== "ended" && void begin());
  document.addEventListener("visibilitychange", look);
  void begin();
  return () => {
    over = true;
    document.removeEventListener("visibilitychange", look);
    clearTimeout(collecting);
    end();
  };
}

function pathOf({ service, server }: Source): string {
  const how = { tail: before, follow: true };
  return server === undefined
    ? requestOf(table.serviceLogs, { service, ...how }).path
    : requestOf(table.logs, { server, ...how }).path;
}

/** A stream does not say why it did not begin; an answer does. */
async function whyNot({ service, server }: Source): Promise<Fault | undefined> {
  try {
    if (server === undefined) await ask("serviceLogs", { service, tail: 0 });
    else await ask("logs", { server, tail: 0 });
    return undefined;
  } catch (error) {
    return toFault(error);
  }
}
