import { beforeEach, expect, test } from "vitest";
import { KilnError } from "../lib/errors.ts";
import { handlersOf } from "./calls.ts";
import type { Made, Resource } from "./provider.ts";
import type { Schema } from "./schema.ts";
import { readObject, unknown, type Values, writeObject } from "./values.ts";
import type { ChangeAsked } from "./wire/messages.ts";

const schema: Schema = {
  description: "A shelf with books.",
  attributes: {
    name: { type: "string", is: "required", replaces: true, description: "" },
    books: { type: "number", is: "optional", description: "" },
    edition: { type: "number", is: "computed", description: "" },
  },
};

/** What there is outside of Terraform. */
let shelves: Map<string, Values>;
let made: (planned: Values) => Made;
let stopped = 0;

const shelf: Resource = {
  schema,
  read: async ({ name }) => shelves.get(String(name)),
  foresee: async (wanted, prior) => ({ changes: prior?.books !== wanted.books }),
  make: async (planned) => made(planned),
  remove: async ({ name }) => {
    shelves.delete(String(name));
  },
  find: async (name) => shelves.get(name) ?? {},
};

const handlers = handlersOf({
  schema: { description: "", attributes: { where: { type: "string", is: "optional", description: "" } } },
  configure: () => ({
    resources: { kiln_shelf: shelf },
    dataSources: { kiln_shelf: { schema, read: async (wanted) => ({ ...wanted, edition: 7 }) } },
  }),
  stop: () => (stopped += 1),
});

beforeEach(() => {
  shelves = new Map();
  made = (planned) => {
    const state = { ...planned, edition: 1 };
    shelves.set(String(planned.name), state);
    return { state };
  };
});

function change(wanted: Values | undefined, prior?: Values): ChangeAsked {
  const [a, b] = [writeObject(wanted), writeObject(prior)];
  return { type_name: "kiln_shelf", wanted: a, config: a, prior_state: b };
}

test("a resource is planned, made, read, and planned again without a change", async () => {
  const wanted = { name: "a", books: 2, edition: null };
  const { planned_state = {} } = await handlers.PlanResourceChange(change(wanted));
  expect(readObject(planned_state)).toEqual({ ...wanted, edition: unknown });
  const { new_state = {}, diagnostics } = await handlers.ApplyResourceChange(
    change(readObject(planned_state)),
  );
  expect([readObject(new_state), diagnostics]).toEqual([{ ...wanted, edition: 1 }, []]);
  const { state = {} } = await handlers.ReadResource({ type_name: "kiln_shelf", value: new_state });
  const again = await handlers.PlanResourceChange(change({ ...wanted, edition: 1 }, readObject(state)));
  expect(readObject(again.planned_state ?? {})).toEqual({ ...wanted, edition: 1 });
});

test("what is gone is read as nothing, and its end is planned as nothing", async () => {
  const value = writeObject({ name: "a", books: 2, edition: 1 });
  const { state = {} } = await handlers.ReadResource({ type_name: "kiln_shelf", value });
  expect(readObject(state)).toBeUndefined();
  const { planned_state = {} } = await handlers.PlanResourceChange(change(undefined, { name: "a" }));
  expect(readObject(planned_state)).toBeUndefined();
});

test("another name needs another resource", async () => {
  const prior = { name: "a", books: 2, edition: 1 };
  const { requires_replace } = await handlers.PlanResourceChange(change({ ...prior, name: "b" }, prior));
  expect(requires_replace).toEqual([{ steps: [{ attribute_name: "name" }] }]);
});

test("a configuration that is not known yet is not asked about", async () => {
  const wanted = { name: unknown, books: 2, edition: null };
  const { planned_state = {} } = await handlers.PlanResourceChange(change(wanted));
  expect(readObject(planned_state)).toEqual({ name: unknown, books: 2, edition: unknown });
});

test("what someone changes while an apply runs is found by the next read, and not held against the apply", async () => {
  made = (planned) => ({ state: { ...planned, books: 5, edition: 1 } });
  const { new_state = {}, diagnostics } = await handlers.ApplyResourceChange(
    change({ name: "a", books: 2, edition: unknown }),
  );
  expect([readObject(new_state), diagnostics]).toEqual([{ name: "a", books: 2, edition: 1 }, []]);
});

test("a failure is an error, with the state that there is", async () => {
  made = (planned) => ({
    state: { ...planned, edition: 1 },
    failure: ["It fell.", "Nail it."],
    warning: ["Old."],
  });
  const { new_state = {}, diagnostics } = await handlers.ApplyResourceChange(
    change({ name: "a" }, { name: "a" }),
  );
  expect(readObject(new_state)).toEqual({ name: "a", books: null, edition: 1 });
  expect(diagnostics).toEqual([
    { severity: "ERROR", summary: "It fell.", detail: "Nail it." },
    { severity: "WARNING", summary: "Old.", detail: "" },
  ]);
});

test("after an error everything is as it was, and the message has its hint", async () => {
  made = () => {
    throw new KilnError("target_unknown", "There is no wall.", {
      hint: "Build one.",
      problems: [{ place: { file: "kiln.yaml", line: 3, column: 1 }, message: "No wall here." }],
    });
  };
  const prior = { name: "a", books: 2, edition: 1 };
  const { new_state = {}, diagnostics } = await handlers.ApplyResourceChange(change({ name: "a" }, prior));
  expect(readObject(new_state)).toEqual(prior);
  expect(diagnostics).toEqual([
    {
      severity: "ERROR",
      summary: "There is no wall.",
      detail: "kiln.yaml:3:1: No wall here.\n\nBuild one.\n\nError code: target_unknown",
    },
  ]);
});

test("a state of another version loses what is unknown, and has what is new", async () => {
  const raw_state = { json: Buffer.from('{"name":"a","colour":"red"}') };
  const { upgraded_state = {} } = await handlers.UpgradeResourceState({ type_name: "kiln_shelf", raw_state });
  expect(readObject(upgraded_state)).toEqual({ name: "a", books: null, edition: null });
});

test("what there is already is imported as far as it is known", async () => {
  shelves.set("a", { name: "a", edition: 4 });
  const { imported_resources = [] } = await handlers.ImportResourceState({
    type_name: "kiln_shelf",
    id: "a",
  });
  expect(imported_resources.map(({ state }) => readObject(state))).toEqual([
    { name: "a", books: null, edition: 4 },
  ]);
});

test("a data source answers with what it was asked for", async () => {
  const value = writeObject({ name: "a" });
  const { state = {} } = await handlers.ReadDataSource({ type_name: "kiln_shelf", value });
  expect(readObject(state)).toEqual({ name: "a", books: null, edition: 7 });
});

test("a provider's value that is open until an apply is an error at its attribute", async () => {
  const { diagnostics } = await handlers.ConfigureProvider({ config: writeObject({ where: unknown }) });
  expect(diagnostics).toMatchObject([
    {
      severity: "ERROR",
      attribute: { steps: [{ attribute_name: "where" }] },
      summary: expect.stringMatching(/where/),
    },
  ]);
  expect(await handlers.ConfigureProvider({ config: writeObject({ where: "here" }) })).toEqual({});
});

test("Terraform's stop reaches the provider", async () => {
  await handlers.StopProvider({});
  expect(stopped).toBe(1);
});
