import fc from "fast-check";
import { expect, test } from "vitest";
import { fileNameBytes, fileNameText } from "./file-names.ts";

test("a name that is not UTF-8 keeps its bytes, and differs from every other", () => {
  const [a, b] = [Buffer.from("caf\xe9", "latin1"), Buffer.from("caf\xe8", "latin1")];
  expect(fileNameText(a)).not.toBe(fileNameText(b));
  expect(fileNameText(Buffer.from("é☺"))).toBe("é☺");
});

test("any bytes come back", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fileNameBytes(fileNameText(bytes))).toEqual(Buffer.from(bytes));
      expect(fileNameBytes(JSON.parse(JSON.stringify(fileNameText(bytes))))).toEqual(Buffer.from(bytes));
    }),
  );
});
