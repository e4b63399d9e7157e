import { expect, test } from "vitest";
import { isKnown, readObject, unknown, type Values, writeObject } from "./values.ts";

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

test("an object returns as it was written, with what is unknown in it", () => {
  const values: Values = {
    id: "shop",
    release: unknown,
    servers: 3,
    on: true,
    image: null,
    addresses: ["a", unknown],
  };
  expect(readObject(writeObject(values))).toEqual(values);
});

test("no object is null", () => {
  expect(writeObject(undefined).msgpack).toEqual(hex("c0"));
  expect(readObject({ msgpack: hex("c0") })).toBeUndefined();
});

test("an unknown value is extension type 0, as Terraform reads it", () => {
  expect(writeObject({ a: unknown }).msgpack).toEqual(hex("81 a1 61 d4 00 00"));
});

test("a value of which Terraform knows something is unknown all the same", () => {
  expect(readObject({ msgpack: hex("81 a1 61 c7 03 0c 81 01 c2") })).toEqual({ a: unknown });
});

test("JSON is read where there is no MessagePack", () => {
  expect(readObject({ json: Buffer.from('{"a":["b"]}') })).toEqual({ a: ["b"] });
});

test.each([
  ["text", "a", true],
  ["null", null, true],
  ["a list", ["a"], true],
  ["an unknown value", unknown, false],
  ["a list with one", ["a", unknown], false],
  ["a map with one", { a: unknown }, false],
])("%s is known or not", (_, value, known) => expect(isKnown(value)).toBe(known));
