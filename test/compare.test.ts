import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const rows = readFileSync(join(root, "docs/compare.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| ---") && !line.startsWith("| **"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .slice(1);

test("every yes of Kiln is shown by a test that exists, and nothing else claims one", () => {
  expect(rows.length).toBeGreaterThan(30);
  const wrong = rows.filter(([, , kiln, shownBy = ""]) => {
    const files = [...shownBy.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file);
    if (kiln === "no") return files.length > 0;
    return kiln !== "yes" || files.length === 0 || !files.every(isTest);
  });
  expect(wrong.map(([, feature]) => feature)).toEqual([]);
});

test("every row says something of every tool", () => {
  for (const row of rows) expect(row.length, row[1]).toBe(11);
  expect(rows.filter((row) => row.slice(4, 10).includes("")).map(([, feature]) => feature)).toEqual([]);
});

function isTest(file: string): boolean {
  return file.endsWith(".test.ts") && existsSync(join(root, file));
}
