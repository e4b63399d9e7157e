import { once } from "node:events";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { firstWords } from "./first-words.ts";

test("of a program that talks without end only the beginning is kept", async () => {
  const talk = Readable.from(
    Array.from({ length: 1000 }, (_, i) => Buffer.from(`${i} ${"x".repeat(1000)}\n`)),
  );
  const words = firstWords(talk);
  await once(talk, "end");
  expect(words()).toMatch(/^0 x+\n1 x/);
  expect(words().length).toBeLessThanOrEqual(4096);
});
