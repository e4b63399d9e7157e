import { type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { type ContractEntry, requestOf, table } from "../api/contract/contract.ts";
import type { Answer, Asked, OperationName } from "../api/contract/types.ts";

/** Why there is no answer, in the controller's words where it gave any. */
export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** Whether the same question may have an answer later, though nothing has changed: no one could answer it now. */
  readonly passing?: boolean;
}

/** What is known of an answer: a newer fault does not take away what was answered before. */
export interface Held<T> {
  readonly value?: T;
  readonly fault?: Fault;
}

/** An answer that the page shows now, and asks for again when something may have changed. */
interface Kept {
  readonly held: Signal<Held<unknown>>;
  readonly service: string | undefined;
  readonly load: () => Promise<void>;
  users: number;
}

const kept = new Map<string, Kept>();

/** So long changes are collected before anything is asked for again: at most two rounds a second. */
const collectMs = 500;

/** A look that takes longer has failed: what asks for it again waits for its end. */
const lookMs = 60_000;

/** The streams that end by themselves are read to their end; others have one answer. */
export async function ask<Name extends OperationName>(name: Name, asked: Asked<Name>): Promise<Answer<Name>> {
  const entry: ContractEntry = table[name];
  const { path, body } = requestOf(entry, asked);
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const isLook = entry.method === "GET" || name === "plan";
  const answer = await fetch(path, {
    method: entry.method,
    headers,
    ...(body === undefined ? {} : { body }),
    ...(isLook ? { signal: AbortSignal.timeout(lookMs) } : {}),
  });
  const text = await answer.text();
  if (!answer.ok) throw { ...faultOf(text, answer.status), passing: answer.status >= 500 };
  if (entry.items !== undefined) return itemsOf(text) as unknown as Answer<Name>;
  return text === "" ? (undefined as unknown as Answer<Name>) : JSON.parse(text);
}

/** The items of a stream that has ended. Throws its fault. */
export function itemsOf(text: string): readonly unknown[] {
  return text.split("\n\n").flatMap((block) => {
    const name = /^event: (.*)$/m.exec(block)?.[1] ?? "message";
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (data === undefined || name === "end" || name === "beat") return [];
    if (name === "fault") throw JSON.parse(data);
    return [JSON.parse(data)];
  });
}

function faultOf(text: string, status: number): Fault {
  try {
    return JSON.parse(text);
  } catch {
    return { code: `status ${status}`, message: text || `The answer has status ${status}.` };
  }
}

/** The browser's own errors have a number as their code, or none: of them it is known that there was no answer. */
export function toFault(error: unknown): Fault {
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "string")
    return error as Fault;
  return {
    code: "unreachable",
    message: "The controller cannot be reached.",
    hint: "Is `kiln ui` still running?",
    passing: true,
  };
}

/** An answer for as long as a view shows it. Streams give the array of their items. */
export function useAnswer<Name extends OperationName>(
  name: Name,
  asked: Asked<Name>,
): Held<(typeof table)[Name] extends { readonly items: string } ? readonly Answer<Name>[] : Answer<Name>> {
  const key = `${name} ${JSON.stringify(asked)}`;
  const entry = useMemo(() => keptFor(key, name, asked), [key]);
  useEffect(() => {
    kept.set(key, entry);
    entry.users += 1;
    void entry.load();
    return () => {
      entry.users -= 1;
      if (entry.users === 0) kept.delete(key);
    };
  }, [key, entry]);
  return entry.held.value as never;
}

function keptFor<Name extends OperationName>(key: string, name: Name, asked: Asked<Name>): Kept {
  const known = kept.get(key);
  if (known !== undefined) return known;
  const held = signal<Held<unknown>>({});
  let running = false;
  let stale = false;
  const load = async () => {
    stale = running;
    if (running) return;
    running = true;
    try {
      held.value = { value: await ask(name, asked) };
    } catch (error) {
      const before = held.value.value;
      held.value = { fault: toFault(error), ...(before === undefined ? {} : { value: before }) };
    }
    running = false;
    if (stale) await load();
  };
  const service = "service" in asked && typeof asked.service === "string" ? asked.service : undefined;
  return { held, service, load, users: 0 };
}

let pending: Set<string | undefined> | undefined;

/** Something of this service may have changed, or anything: what the page shows of it is asked for again, soon. */
export function invalidate(service: string | undefined): void {
  if (pending !== undefined) {
    pending.add(service);
    return;
  }
  pending = new Set([service]);
  setTimeout(() => {
    const changed = pending ?? new Set();
    pending = undefined;
    for (const { service: of, load } of kept.values()) {
      if (of === undefined || changed.has(undefined) || changed.has(of)) void load();
    }
  }, collectMs);
}
