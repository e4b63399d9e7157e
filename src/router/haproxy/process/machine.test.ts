import { expect, test } from "vitest";
import { openFilesIn } from "./machine.ts";

test.each([
  ["Max open files            1024                 20000                files     ", 20_000],
  ["Max open files            1024                 1048576              files     ", 100_000],
  ["Max open files            unlimited            unlimited            files     ", 100_000],
  ["", 100_000],
])("the worker may have as many files open as the hard limit says, up to 100,000: %s", (line, most) => {
  expect(openFilesIn(`Max processes   1   2   processes\n${line}\nMax locked memory 8 8 bytes\n`)).toBe(most);
});
