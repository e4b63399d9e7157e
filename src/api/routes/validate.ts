import type { z } from "zod";
import { KilnError, type Problem } from "../../lib/errors.ts";

/** The value as its schema makes it. Throws `usage` with every field that is wrong, by its path. */
export function validated<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where: string,
): z.output<Schema> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => problemsOf(issue, where));
  throw new KilnError("usage", problems.map((problem) => problem.message).join("\n"), {
    hint: "GET /v1/openapi.json describes what every request takes. If the controller has another version than the command, end it with `kiln controller stop` (servers keep running); the next command starts its own.",
    problems,
  });
}

function problemsOf(issue: z.core.$ZodIssue, where: string): readonly Problem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      message: `${nameOf(where, [...issue.path, key])}: there is no such field`,
    }));
  }
  const missing = issue.code === "invalid_type" && issue.input === undefined;
  const text = missing ? `missing (expected ${issue.expected})` : withoutPrefix(issue.message);
  return [{ message: `${nameOf(where, issue.path)}: ${text}` }];
}

function withoutPrefix(message: string): string {
  return message.replace(/^Invalid input: /, "");
}

/** `body.draft.shape.writable[0]` */
function nameOf(where: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (name, key) => (typeof key === "number" ? `${name}[${key}]` : `${name}.${String(key)}`),
    where,
  );
}
