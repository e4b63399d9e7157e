import { z } from "zod";
import * as v from "../yaml/values.ts";

/** Environment variables, of an image or of servers. */
export const environmentVariables = () =>
  z.record(
    z.string().regex(v.envNamePattern, {
      error: "a name of letters, digits and underscores that does not begin with a digit",
    }),
    z.string({ error: 'a text ("" is the empty one)' }),
    { error: "a mapping from names to texts" },
  );
