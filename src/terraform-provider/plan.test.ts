import fc from "fast-check";
import { expect, test } from "vitest";
import { planned, replacing, unforeseen } from "./plan.ts";
import type { Schema } from "./schema.ts";
import { unknown } from "./values.ts";

const computed = (type: "string" | "number") => ({ type, is: "computed" as const, description: "" });
const schema: Schema = {
  description: "",
  attributes: {
    folder: { type: "string", is: "required", description: "" },
    place: { type: "string", is: "optional", description: "", replaces: true },
    labels: { type: ["map", "string"], is: "optional", description: "", replaces: true },
    id: computed("string"),
    release: computed("number"),
  },
};
const prior = { folder: "a", place: null, labels: null, id: "shop", release: 1 };

test("a new resource has its computed values after the apply, unless they are known", () => {
  const wanted = { folder: "a", id: null, release: null };
  expect(planned(schema, { wanted, prior: undefined }, { changes: true, known: { id: "shop" } })).toEqual({
    state: { folder: "a", place: null, labels: null, id: "shop", release: unknown },
    replaces: [],
  });
});

test("where nothing changes, everything stays, whatever was written in its place", () => {
  const { state } = planned(schema, { wanted: { ...prior, folder: "./a" }, prior }, { changes: false });
  expect(state).toEqual({ ...prior, folder: "./a" });
});

test("a change leaves open what it leads to", () => {
  const { state, replaces } = planned(
    schema,
    { wanted: prior, prior },
    { changes: true, known: { id: "shop" } },
  );
  expect([state, replaces]).toEqual([{ ...prior, release: unknown }, []]);
});

test("what needs another resource is named, once, and its values are open", () => {
  const wanted = { ...prior, place: "b" };
  const foreseen = { changes: false, replaces: ["folder", "place"] };
  expect(planned(schema, { wanted, prior }, foreseen)).toEqual({
    state: { ...wanted, id: unknown, release: unknown },
    replaces: ["place", "folder"],
  });
  expect(planned(schema, { wanted, prior: undefined }, foreseen).replaces).toEqual([]);
});

test("a value that is yet unknown may be another one", () => {
  expect(replacing(schema, { ...prior, place: unknown }, prior)).toEqual(["place"]);
  expect(planned(schema, { wanted: { ...prior, folder: unknown }, prior }, unforeseen).state).toEqual({
    ...prior,
    folder: unknown,
    id: unknown,
    release: unknown,
  });
});

test("a map with the same entries in another order is the same one", () => {
  const before = { ...prior, labels: { a: "1", b: "2" } };
  expect(replacing(schema, { ...prior, labels: { b: "2", a: "1" } }, before)).toEqual([]);
  expect(replacing(schema, { ...prior, labels: { a: "1" } }, before)).toEqual(["labels"]);
});

test("Terraform's rules for a plan: what the user writes is kept, and only computed values are left open", () => {
  const text = fc.option(fc.string({ maxLength: 3 }));
  const object = fc.record({
    folder: fc.string({ maxLength: 3 }),
    place: text,
    id: text,
    release: fc.option(fc.nat(3)),
  });
  const anyForeseen = fc.record({
    changes: fc.boolean(),
    known: fc.constantFrom({}, { id: "shop" }, { release: 2 }),
  });
  fc.assert(
    fc.property(object, fc.option(object, { nil: undefined }), anyForeseen, (wanted, before, foreseen) => {
      const { state } = planned(schema, { wanted, prior: before }, foreseen);
      expect(Object.keys(state)).toEqual(Object.keys(schema.attributes));
      expect([state.folder, state.place, state.labels]).toEqual([wanted.folder, wanted.place, null]);
    }),
  );
});
