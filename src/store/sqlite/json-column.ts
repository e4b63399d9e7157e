import type { z } from "zod";
import type { Frozen } from "../../domain/frozen.ts";
import { KilnError } from "../../lib/errors.ts";

/** As many values as thousands of kept releases have; then the memory is given back, and filled again. */
const mostRemembered = 20_000;

/**
 * Reads a JSON column by its schema, whose defaults are how rows of an older Kiln are understood. Most rows never change and a
 * pass reads them all, so equal text is checked once: the value is shared, and callers must not change it. The reader throws
 * `state_corrupt` for text that is not what the schema says.
 */
export function jsonColumn<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
): (text: string) => Frozen<z.output<Schema>> {
  const remembered = new Map<string, Frozen<z.output<Schema>>>();
  return (text) => {
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const value = parsed(name, schema, text) as Frozen<z.output<Schema>>;
    if (remembered.size >= mostRemembered) remembered.clear();
    remembered.set(text, value);
    return value;
  };
}

function parsed<Schema extends z.ZodType>(name: string, schema: Schema, text: string): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new KilnError(
      "state_corrupt",
      `A value of ${name} in the state database is not in the form that Kiln writes.`,
      {
        hint: "Another program changed it, or the disk is damaged. Restore the database from a backup; running servers are not affected.",
        cause,
      },
    );
  }
}
