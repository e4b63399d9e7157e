import { z } from "zod";
import type { ErrorCode } from "../../lib/error-codes.ts";
import { errorCodes } from "../../lib/error-codes.ts";
import type { ErrorJson } from "../../lib/errors.ts";

export const errorCode = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]);

const place = z.object({
  file: z.string(),
  line: z.number().exactOptional(),
  column: z.number().exactOptional(),
});

export const ErrorAnswer = z.object({
  code: errorCode,
  message: z.string(),
  hint: z.string().exactOptional().describe("What can be done about it."),
  retry: z.boolean().describe("The same call may succeed later."),
  problems: z
    .array(z.object({ place: place.exactOptional(), message: z.string(), hint: z.string().exactOptional() }))
    .exactOptional(),
}) satisfies z.ZodType<ErrorJson>;
