import { expect, test } from "vitest";
import { KilnError } from "../../lib/errors.ts";
import { EvidenceParts } from "./evidence-parts.ts";

const never = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
const callOf = (signal: AbortSignal) => ({ signal, deadline: Number.POSITIVE_INFINITY });

test("a part that cannot be read is named with the reason, and the others are read", async () => {
  const parts = new EvidenceParts(callOf(new AbortController().signal), 10);
  const read: string[] = [];
  await parts.read("log", async () => {
    read.push("a first line");
    throw new KilnError("server_failed", "The node does not answer.");
  });
  await parts.read("events", never);
  await parts.read("object", async () => void read.push("{}"));
  expect(read).toEqual(["a first line", "{}"]);
  expect(parts.missing).toEqual(["log: The node does not answer", "events: no answer within 0.01 s"]);
});

test("nothing counts as missing when the whole call is cancelled", async () => {
  const controller = new AbortController();
  const parts = new EvidenceParts(callOf(controller.signal));
  const reading = parts.read("log", never);
  controller.abort(new Error("cancelled"));
  await expect(reading).rejects.toThrow("cancelled");
});
