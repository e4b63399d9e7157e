import { expect, test } from "vitest";
import { controlEnd } from "./control-archive.ts";

function member(name: string, size: number): string {
  return `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}${String(size).padEnd(10)}\`\n`;
}

test("the control archive is the second member of a package, and ends at an even byte", () => {
  const begin = `!<arch>\n${member("debian-binary", 4)}2.0\n${member("control.tar.xz", 701)}`;
  expect(controlEnd(Buffer.from(begin))).toBe(begin.length + 702);
});

test("what is cut off, or something else, is not understood", () => {
  expect(controlEnd(Buffer.from(`!<arch>\n${member("debian-binary", 4)}2.0\n`))).toBeUndefined();
  expect(controlEnd(Buffer.from("<html>not found</html>".repeat(20)))).toBeUndefined();
});
