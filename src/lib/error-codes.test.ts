import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { errorCodes } from "./error-codes.ts";

test("docs/errors.md lists every code with its exit code and HTTP status, and no other", () => {
  const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\d) \| (\d+) \| (.+) \|$/gm)];
  const listed = Object.fromEntries(
    rows.map(([, code, exit, status]) => [code, { status: Number(status), exit: Number(exit) }]),
  );
  expect(listed).toEqual(errorCodes);
  for (const [, code, , , words] of rows) expect(words, code).toMatch(/\w.{20,}/);
});
