import type { IncomingMessage } from "node:http";
import { streamEvents } from "../contract/contract.ts";
import { toError, unreachable } from "./errors.ts";

/** One server-sent event: its name and its data (WHATWG HTML, section 9.2). */
interface Sent {
  readonly name: string;
  readonly data: string;
}

/**
 * The items of a stream until it says that there are no more. Throws the fault that it ends with, and
 * `controller_unreachable` when it is cut off.
 */
export async function* itemsOf(answer: IncomingMessage): AsyncGenerator<unknown> {
  try {
    for await (const { name, data } of sentEvents(answer.setEncoding("utf8"))) {
      if (name === streamEvents.end) return;
      if (name === streamEvents.fault) throw toError(JSON.parse(data), undefined);
      if (name !== streamEvents.beat) yield JSON.parse(data);
    }
  } finally {
    answer.destroy();
  }
  throw unreachable("The controller ended in the middle of a stream.", undefined);
}

/** The events of a stream of text, whatever pieces it comes in. A connection that breaks ends it. */
export async function* sentEvents(chunks: AsyncIterable<string>): AsyncGenerator<Sent> {
  let rest = "";
  for await (const chunk of unbroken(chunks)) {
    const blocks = (rest + chunk).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = eventOf(block);
      if (event !== undefined) yield event;
    }
  }
}

/** Undefined for a block without data: a comment. */
function eventOf(block: string): Sent | undefined {
  const fields = block.split("\n").map((line) => /^([a-z]*): ?(.*)$/s.exec(line));
  const valuesOf = (name: string) => fields.flatMap((field) => (field?.[1] === name ? [field[2] ?? ""] : []));
  const data = valuesOf("data");
  return data.length === 0
    ? undefined
    : { name: valuesOf("event").at(-1) ?? "message", data: data.join("\n") };
}

async function* unbroken(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  try {
    yield* chunks;
  } catch {
    // A reset connection is the end of the stream; that it came too soon is seen by what is missing.
  }
}
