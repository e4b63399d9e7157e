import { z } from "zod";
import { action } from "../../domain/schema/actions.ts";
import { serverFailure } from "../../domain/schema/observation.ts";
import { release, unbuiltRelease, wantedRelease } from "../../domain/schema/release.ts";
import { rolloutPolicy, upkeepPolicy } from "../../domain/schema/spec.ts";
import { type ContractEntry, pathFields, table } from "./contract.ts";
import { ErrorAnswer } from "./error.ts";
import { answers, asks } from "./shapes.ts";

type Json = Readonly<Record<string, unknown>>;

/** What has a name in the document: every answer, and the parts that several have. */
const named = z.registry<{ readonly id: string }>();
const parts = {
  ...{ Action: action, Error: ErrorAnswer, Release: release, RolloutPolicy: rolloutPolicy },
  ...{ ServerFailure: serverFailure, UnbuiltRelease: unbuiltRelease },
  ...{ UpkeepPolicy: upkeepPolicy, WantedRelease: wantedRelease },
};
for (const [id, schema] of Object.entries({ ...answers, ...parts })) named.add(schema, { id });

/** The API as an OpenAPI 3.1 document, made from the table (https://spec.openapis.org/oas/v3.1.1); paths and schemas by name. */
export function openApi(version: string): Json {
  const entries = Object.entries<ContractEntry>(table);
  const byPath = Map.groupBy(entries, ([, { path }]) => path.replaceAll(/:([a-z]+)/g, "{$1}"));
  const paths = [...byPath].map(([path, at]): [string, Json] => [
    path,
    Object.fromEntries(at.map(([name, entry]) => [entry.method.toLowerCase(), operationOf(name, entry)])),
  ]);
  return {
    openapi: "3.1.1",
    info: { title: "Kiln controller", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "http://localhost", description: "The controller's Unix socket" }],
    paths: byName(paths),
    components: { schemas: components() },
  };
}

function operationOf(operationId: string, entry: ContractEntry): Json {
  const inPath = pathFields(entry);
  const fields = Object.entries<z.ZodType>(asks[entry.asks].shape);
  const [path, rest] = [
    fields.filter(([name]) => inPath.includes(name)),
    fields.filter(([name]) => !inPath.includes(name)),
  ];
  const query = entry.method === "GET" ? rest : [];
  const parameters = [
    ...path.map((field) => parameter("path", field)),
    ...query.map((field) => parameter("query", field)),
  ];
  return {
    operationId,
    summary: entry.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(entry.method === "GET" || rest.length === 0 ? {} : { requestBody: bodyOf(Object.fromEntries(rest)) }),
    responses: {
      ...success(entry),
      default: { description: "What went wrong.", content: json(refOf("Error")) },
    },
  };
}

function bodyOf(shape: z.ZodRawShape): Json {
  const { required, ...schema } = jsonOf(z.strictObject(shape));
  return {
    required: required !== undefined,
    content: { "application/json": { schema: { ...schema, ...(required ? { required } : {}) } } },
  };
}

function success({ answers: given, items }: ContractEntry): Json {
  if (items !== undefined) {
    const schema = { type: "string", description: `Server-sent events; the data of each is a ${items}.` };
    return { 200: { description: "A stream.", content: { "text/event-stream": { schema } } } };
  }
  if (given === undefined) return { 204: { description: "Done." } };
  return { 200: { description: "Done.", content: json(refOf(given)) } };
}

function parameter(where: "path" | "query", [name, schema]: [string, z.ZodType]): Json {
  return { name, in: where, required: where === "path", schema: jsonOf(schema) };
}

function json($ref: string): Json {
  return { "application/json": { schema: { $ref } } };
}

/** A schema in its place, with references to what has a name. */
function jsonOf(schema: z.ZodType): Json {
  return bare(z.toJSONSchema(schema, { io: "input" }));
}

function components(): Json {
  const all = z.toJSONSchema(named, { uri: refOf, io: "input" }).schemas;
  return byName(Object.entries(all).map(([name, schema]) => [name, bare(schema)]));
}

/** Where the table has something changes nothing in the document. */
function byName(entries: readonly (readonly [string, Json])[]): Json {
  return Object.fromEntries(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** Without what says that it is a document of its own. */
function bare({ $schema, $id, ...schema }: z.core.JSONSchema.BaseSchema): Json {
  return schema;
}

function refOf(name: string): string {
  return `#/components/schemas/${name}`;
}
