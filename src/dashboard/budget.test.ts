import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";

/** All that a first visit loads, by the ends of its names: kB as `gzip -9` leaves them, 1 kB = 1,000 B. */
const budget = { ".js": 60, ".css": 15 } as const;

test("what a browser loads stays within its budget", async () => {
  const built = await build({
    configFile: new URL("vite.config.ts", import.meta.url).pathname,
    build: { write: false },
  });
  if (!("output" in built)) throw new Error("The build has no output.");
  const sizeOf = (end: string) =>
    built.output
      .filter(({ fileName }) => fileName.endsWith(end))
      .map((file) => gzipSync(file.type === "chunk" ? file.code : file.source, { level: 9 }).length)
      .reduce((sum, bytes) => sum + bytes, 0) / 1_000;
  for (const [end, most] of Object.entries(budget)) {
    expect(sizeOf(end), end).toBeGreaterThan(1);
    expect(sizeOf(end), end).toBeLessThanOrEqual(most);
  }
});
