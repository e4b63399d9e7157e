import { z } from "zod";
import { contract, type Route } from "./contract.ts";
import { ErrorAnswer, schemas } from "./contract-schemas.ts";

type Json = Readonly<Record<string, unknown>>;

/** The API as an OpenAPI 3.1 document, made from the contract (https://spec.openapis.org/oas/v3.1.1). */
export function openApi(version: string): Json {
  const routes = Object.entries<Route>(contract);
  const byPath = Map.groupBy(routes, ([, route]) => route.path.replaceAll(/:([a-z]+)/g, "{$1}"));
  const paths = [...byPath].map(([path, at]) => [
    path,
    Object.fromEntries(at.map(([name, route]) => [route.method.toLowerCase(), operationOf(name, route)])),
  ]);
  return {
    openapi: "3.1.1",
    info: { title: "Kiln controller", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "http://localhost", description: "The controller's Unix socket" }],
    paths: Object.fromEntries(paths),
    components: { schemas: components() },
  };
}

function operationOf(operationId: string, route: Route): Json {
  const parameters = [...parametersOf("path", route.params), ...parametersOf("query", route.query)];
  return {
    operationId,
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: { required: true, content: json(route.body) } }),
    responses: {
      ...success(route),
      default: { description: "What went wrong.", content: json(ErrorAnswer) },
    },
  };
}

function success({ answer, item }: Route): Json {
  if (item !== undefined) {
    const schema = {
      type: "string",
      description: `Server-sent events; the data of each is a ${nameOf(item)}.`,
    };
    return { 200: { description: "A stream.", content: { "text/event-stream": { schema } } } };
  }
  if (answer === undefined) return { 204: { description: "Done." } };
  return { 200: { description: "Done.", content: json(answer) } };
}

function parametersOf(where: "path" | "query", object: z.ZodObject | undefined): readonly Json[] {
  return Object.entries(object?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: where,
    required: where === "path",
    schema: bare(z.toJSONSchema(schema, { io: "input" })),
  }));
}

function json(schema: z.ZodType): Json {
  const name = nameOf(schema);
  const content = name === undefined ? { type: "object" } : { $ref: refOf(name) };
  return { "application/json": { schema: content } };
}

function components(): Json {
  const all = z.toJSONSchema(schemas, { uri: refOf, io: "input" }).schemas;
  return Object.fromEntries(Object.entries(all).map(([name, schema]) => [name, bare(schema)]));
}

/** Without what says that it is a document of its own. */
function bare({ $schema, $id, ...schema }: z.core.JSONSchema.BaseSchema): Json {
  return schema;
}

function nameOf(schema: z.ZodType): string | undefined {
  return schemas.get(schema)?.id;
}

function refOf(name: string): string {
  return `#/components/schemas/${name}`;
}
